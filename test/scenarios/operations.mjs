/** What clients and operators do: leave, stop the gateway, send too much, read too slowly. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { bin } from './stage.mjs';

/** A client that leaves 200 ms after it has asked, or as soon as something has arrived. */
const leaves = {
  early: () => pause(200),
  atContent: ({ content }) => content,
};

const leaving = { alone: true };

/** @returns {import('./scenario.mjs').Scenario[]} */
export function operations() {
  return [...departures(), ...connections(), ...load(), ...sizes()];
}

/** @returns {import('./scenario.mjs').Scenario[]} */
function departures() {
  /** @type {[id: string, when: string, scene: string, body: object, leave: () => Promise<void>][]} */
  const phases = [
    ['leaves-before-headers', 'before the headers of a whole answer', 'hang', {}, leaves.early],
    ['leaves-stream-silent', 'before the headers of a stream', 'hang', { stream: true }, leaves.early],
    ['leaves-before-first', 'before the first word', 'first-token-after=20s', { stream: true }, leaves.early],
    ['leaves-mid-stream', 'in mid-stream', 'slow-words=50ms', { stream: true }, leaves.atContent],
    ['leaves-mid-silence', 'while a stream is silent', 'silent-after=20', { stream: true }, leaves.atContent],
    ['leaves-mid-body', 'while the body of a whole answer is awaited', 'slow-body=10s', {}, leaves.early],
    ['leaves-in-wait', 'while a rate limit is waited for', 'rate-limit=2s', {}, leaves.early],
  ];
  return phases.map(([id, when, scene, body, leave]) => ({
    id,
    title: `A client leaves ${when}: the upstream is let go within 100 ms, and nobody else is asked`,
    upstreams: { main: scene, spare: 'ok' },
    stage: leaving,
    async run(play) {
      const { leftAt } = await play.ask(body, { leave, fresh: true });
      await pause(500);
      const [{ overAt, left, fault }] = await play.asked('main');
      if (fault === 'rate-limit') return play.tries({ main: 1, spare: 0 });
      play.check(left === true, 'the upstream still has our connection');
      play.time('the time until the upstream was let go', overAt - leftAt, -20, 100);
      await play.tries({ main: 1, spare: 0 });
    },
  }));
}

/** @returns {import('./scenario.mjs').Scenario[]} */
function connections() {
  return [
    {
      id: 'thousand-leave',
      title: 'A thousand clients leave, 50 at a time: no connection to the upstream stays',
      upstreams: { main: 'silent-after=5' },
      stage: { alone: true },
      async run(play) {
        for (let round = 0; round < 20; round += 1) {
          const leave = ({ content }) => Promise.race([content, pause(2_000)]);
          await Promise.all(Array.from({ length: 50 }, () => play.stream({}, { leave, fresh: true, quiet: true })));
        }
        // For each request that is given up undici opens a connection in reserve, and closes it when it has been idle.
        await pause(5_000);
        const requests = await play.asked('main');
        play.equal('the requests that upstreams still hold', requests.filter(({ ms }) => ms === undefined).length, 0);
        play.equal('the connections still open', await play.stage.open(), 0);
      },
    },
    {
      id: 'idle-sockets',
      title: 'The upstream closes idle connections at 5 s, calls come every 5.0 s: no error in 200',
      upstreams: { main: 'ok' },
      async run(play) {
        const lane = async (number) => {
          await pause(number * 37);
          const statuses = [];
          for (let call = 0; call < 10; call += 1) {
            const started = performance.now();
            statuses.push((await play.ask({}, { quiet: true })).status);
            await pause(5_000 - (performance.now() - started));
          }
          return statuses;
        };
        const statuses = (await Promise.all(Array.from({ length: 20 }, (_, number) => lane(number)))).flat();
        play.equal('the calls', statuses.length, 200);
        play.equal('the errors', statuses.filter((status) => status !== 200).length, 0);
      },
    },
    {
      id: 'closing-sockets',
      title: 'The upstream closes idle connections just when they are used again: no error in 200',
      upstreams: { main: 'ok' },
      stage: { closeIdle: '250ms' },
      async run(play) {
        const lane = async (number) => {
          const statuses = [];
          for (let call = 0; call < 20; call += 1) {
            statuses.push((await play.ask({}, { quiet: true })).status);
            await pause(245 + ((call + number) % 10));
          }
          return statuses;
        };
        const statuses = (await Promise.all(Array.from({ length: 10 }, (_, number) => lane(number)))).flat();
        play.equal('the errors', statuses.filter((status) => status !== 200).length, 0);
        play.seen.push({ triesFor200: (await play.asked('main')).length });
      },
    },
    {
      id: 'sigterm',
      title: 'SIGTERM with 50 streams and 10 whole answers under way: all end well, and the exit code is 0',
      upstreams: { main: 'slow-words=100ms' },
      stage: { config: { server: { drainWait: '500ms' } } },
      async run(play) {
        const streams = Array.from({ length: 50 }, () => play.stream({}, { quiet: true }));
        const wholes = Array.from({ length: 10 }, () => play.ask({}, { quiet: true }));
        while ((await play.asked('main')).length < 60) await pause(50);
        play.stage.gateway.kill('SIGTERM');
        for (const answer of await Promise.all([...streams, ...wholes])) play.answered(answer, 'main');
        play.equal('the exit code', await play.stage.gateway.exited, 0);
      },
    },
  ];
}

/** @returns {import('./scenario.mjs').Scenario[]} */
function load() {
  return [
    {
      id: 'leaves-in-queue',
      title: 'A client leaves the queue: its place is free at once, and no upstream is asked',
      upstreams: { main: 'slow-body=1s x1, ok' },
      stage: { alone: true, config: { load: { maxInFlight: 1, queue: 1, queueWait: '5s' } } },
      async run(play) {
        const running = play.ask();
        await pause(100);
        await play.ask({}, { leave: leaves.early, fresh: true });
        await pause(100);
        const waiting = play.ask();
        play.answered(await running, 'main');
        play.answered(await waiting, 'main');
        await play.tries({ main: 2 });
      },
    },
    {
      id: 'overload',
      title: 'Ten times the load: the rest is shed at once, typed and with a wait; what was admitted is answered',
      upstreams: { main: 'silence=200ms' },
      stage: { alone: true, config: { load: { maxInFlight: 10, queue: 10, queueWait: '500ms' } } },
      async run(play) {
        const until = performance.now() + 3_000;
        const client = async () => {
          const answers = [];
          while (performance.now() < until) {
            answers.push(await play.ask({}, { quiet: true }));
            await pause(50);
          }
          return answers;
        };
        const answers = (await Promise.all(Array.from({ length: 100 }, client))).flat();
        const good = answers.filter(({ status }) => status === 200);
        const shed = answers.filter(({ status }) => status === 503);
        play.equal('the answers that are neither good nor shed', answers.length - good.length - shed.length, 0);
        play.check(good.length >= 20, `only ${good.length} were answered`);
        const typed = shed.filter(
          ({ error, headers }) => error?.code === 'model_overloaded' && headers['retry-after'] > 0,
        );
        play.equal('the shed answers without type or wait', shed.length - typed.length, 0);
        const times = (list) => list.map(({ ms }) => ms).toSorted((a, b) => a - b);
        const [shedTimes, goodTimes] = [times(shed), times(good)];
        play.time('the slowest of the admitted', goodTimes.at(-1), 200, 5_000);
        const at = (list, share) => Math.round((list[Math.floor(list.length * share)] ?? 0) * 10) / 10;
        play.seen.push({
          good: good.length,
          shed: shed.length,
          shedP50: at(shedTimes, 0.5),
          shedP99: at(shedTimes, 0.99),
        });
      },
    },
  ];
}

/** @returns {import('./scenario.mjs').Scenario[]} */
function sizes() {
  return [
    {
      id: 'large-body',
      title: 'A body of 60 MB: 413, and no memory for it',
      upstreams: { main: 'ok' },
      stage: { alone: true },
      async run(play) {
        await play.ask();
        const before = await play.stage.gateway.memory();
        const answer = await play.ask({ filler: 'x'.repeat(60_000_000) }, { fresh: true });
        const after = await play.stage.gateway.memory();
        // The gateway may close before all has been sent; a client that still sends may miss the answer.
        if (answer.end === 'complete') play.equal('the status', answer.status, 413);
        play.between('the memory that it took (MiB)', after - before, -1_000, 40);
        await play.tries({ main: 1 });
      },
    },
    {
      id: 'slow-reader',
      title: 'A client that reads nothing of 50 MB: the upstream is slowed down, and memory stays',
      upstreams: { main: 'flood=50000' },
      stage: { alone: true },
      async run(play) {
        await play.ask({}, { path: '/nowhere', quiet: true });
        const before = await play.stage.gateway.memory();
        const reads = pause(4_000);
        const answer = play.stream({}, { pace: () => reads, fresh: true, quiet: true });
        await pause(3_000);
        const during = await play.stage.gateway.memory();
        const { words, finish } = await answer;
        play.equal('the words', words, 50_000);
        play.equal('the finish reason', finish, 'stop');
        // The buffers of sockets, and what is not collected yet of what passed; not the 50 MB.
        play.between('the memory that it took (MiB)', during - before, -1_000, 45);
        play.seen.push({ before: Math.round(before), during: Math.round(during) });
      },
    },
    {
      id: 'thousand-streams',
      title: 'A thousand streams at once: every word arrives, and memory does not run away',
      upstreams: { main: 'slow-words=100ms' },
      stage: { alone: true, config: { load: { maxInFlight: 1_500 } } },
      async run(play) {
        const answers = Array.from({ length: 1_000 }, () => play.stream({}, { quiet: true }));
        let most = 0;
        const watch = (async () => {
          for (let look = 0; look < 8; look += 1) {
            await pause(700);
            most = Math.max(most, await play.stage.gateway.memory());
          }
        })();
        const all = await Promise.all(answers);
        await watch;
        const short = all.filter(({ words, finish }) => words !== 60 || finish !== 'stop');
        play.equal('the streams that are not whole', short.length, 0);
        // Most of it is garbage that V8 has had no need to collect; the bench measures what the process needs.
        play.between('the memory (MiB)', most, 0, 450);
        play.seen.push({ memory: Math.round(most) });
      },
    },
    {
      id: 'canary',
      title: 'A key that an upstream repeats comes out in no answer and no log',
      upstreams: { main: 'tell-key' },
      stage: {},
      async run(play) {
        const [answer] = await Promise.all([
          play.ask(),
          play.stream(),
          play.ask({ prompt: 'hi' }, { path: '/generate' }),
        ]);
        play.equal('the status', answer.status, 502);
        await pause(200);
        const log = play.stage.gateway.output();
        for (const secret of play.stage.secrets) play.check(!log.includes(secret), `the log holds ${secret}`);
      },
    },
    {
      id: 'circle',
      title: 'A chain that names a target twice, or another chain, is refused at the start',
      upstreams: { main: 'ok' },
      async run(play) {
        const upstreams = 'upstreams: { a: { url: "http://127.0.0.1:9/v1", model: x } }\n';
        for (const models of ['{ default: [a, a] }', '{ default: [other], other: [default] }']) {
          const { code, output } = await checkConfig(`${upstreams}models: ${models}\n`);
          play.equal(`the exit code for ${models}`, code, 2);
          play.check(/models\.default/.test(output), `it does not say where: ${output}`);
        }
      },
    },
  ];
}

async function checkConfig(yaml) {
  const folder = await mkdtemp(join(tmpdir(), 'ripstop-scenarios-'));
  const file = join(folder, 'ripstop.yaml');
  await writeFile(file, yaml);
  const result = await new Promise((resolve) => {
    execFile(process.execPath, [bin, 'config', 'check', file], (error, out, err) =>
      resolve({ code: error?.code ?? 0, output: out + err }),
    );
  });
  await rm(folder, { recursive: true, force: true });
  return result;
}
