/**
 * The stage for scenarios: the built gateway and the built `ripstop chaos`, each in a process of its own, with a
 * configuration in a temporary folder. One pair serves many scenarios at once: each has its own models and upstreams.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { request } from './client.mjs';

export const bin = fileURLToPath(new URL('../../node_modules/.bin/ripstop', import.meta.url));

/** Stands in the configuration as the key of every upstream, and may come out nowhere. */
export const canary = 'sk-canary-7f3a';

/**
 * @param {readonly import('./scenario.mjs').Scenario[]} scenarios
 * @param {import('./scenario.mjs').StageOptions} [options]
 */
export async function openStage(scenarios, { closeIdle = '5s', config: more = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'ripstop-scenarios-'));
  const script = join(folder, 'chaos.json');
  await writeFile(script, JSON.stringify({ default: 'ok', scenes: scenesOf(scenarios) }));
  const chaos = await start(
    ['chaos', '--port', '0', '--json', '--close-idle', closeIdle, '--script', script],
    /"url":"([^"]+)"/,
  );
  const config = join(folder, 'ripstop.json');
  await writeFile(config, JSON.stringify({ ...configOf(scenarios, chaos.found), ...more }));
  const gateway = await start(['serve', '--port', '0', '--config', config], /answers at (http:\S+)/).catch(
    async (error) => {
      await chaos.stop('SIGTERM');
      await rm(folder, { recursive: true, force: true });
      throw error;
    },
  );
  const { port } = new URL(chaos.found);
  const counters = new URL('/chaos', chaos.found).href;
  await warmUp(gateway.found);

  return {
    url: gateway.found,
    gateway,
    /** What must stand in no answer and no log. */
    secrets: [canary, `127.0.0.1:${port}`],
    /** The requests that one upstream of a scenario was sent. */
    async asked(id, upstream) {
      const { requests, nowMs } = (await request(counters, { method: 'GET' })).json;
      const own = requests.filter(({ scene }) => scene === `${id}/${upstream}`);
      const startedAt = Date.now() - nowMs;
      return own.map((entry) => ({
        ...entry,
        overAt: entry.ms === undefined ? undefined : startedAt + entry.atMs + entry.ms,
      }));
    },
    /** Connections of the gateway that the upstreams have open. */
    async open() {
      return (await request(counters, { method: 'GET' })).json.open - 1;
    },
    async close() {
      const code = await gateway.stop('SIGINT');
      await chaos.stop('SIGTERM');
      await rm(folder, { recursive: true, force: true });
      return code;
    },
  };
}

/** Times are those of a process that has been running. */
async function warmUp(url) {
  const messages = [{ role: 'user', content: 'hi' }];
  for (let round = 0; round < 20; round += 1) {
    await request(`${url}/v1/chat/completions`, { body: { model: 'warm', messages, stream: round % 2 === 0 } });
  }
}

function scenesOf(scenarios) {
  const scenes = scenarios.flatMap(({ id, upstreams }) => {
    return Object.entries(upstreams).map(([name, scene]) => [`${id}/${name}`, sceneOf(scene)]);
  });
  return Object.fromEntries(scenes);
}

/** A scene alone, or with the upstream's own settings. */
function sceneOf(upstream) {
  return typeof upstream === 'string' ? upstream : (upstream.scene ?? 'ok');
}

function configOf(scenarios, url) {
  const upstreams = { warm: { url, model: 'ok' } };
  const models = { warm: ['warm'] };
  for (const { id, upstreams: own, model = {} } of scenarios) {
    const chain = Object.entries(own).map(([name, upstream]) => {
      const { scene: _, ...settings } = typeof upstream === 'string' ? {} : upstream;
      upstreams[`${id}-${name}`] = { url, model: `${id}/${name}`, key: canary, ...settings };
      return `${id}-${name}`;
    });
    models[id] = { chain, ...model };
  }
  return { upstreams, models };
}

/** Starts `ripstop` and waits until it prints what `pattern` finds. */
async function start(args, pattern) {
  const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const exited = once(child, 'exit');
  const found = await new Promise((resolve, reject) => {
    const collect = (part) => {
      output += part;
      const match = pattern.exec(output);
      if (match !== null) resolve(match[1]);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    exited.then(([code]) => reject(new Error(`ripstop ${args[0]} ended with ${code}:\n${output}`)), reject);
  });
  return {
    found,
    output: () => output,
    exited: exited.then(([code]) => code),
    /** Memory of the process, in MiB. */
    async memory() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    },
    kill: (signal) => child.kill(signal),
    async stop(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return (await exited)[0];
    },
  };
}
