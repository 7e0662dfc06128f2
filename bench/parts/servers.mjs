/** The servers of one bench, each in a process of its own that ends with the bench. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { start } from './children.mjs';

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const gatewayPort = /answers at http:\/\/127\.0\.0\.1:(\d+)/;

/**
 * Runs `bench` with what starts servers for it: `part(name, …args)` a script beside this one, `config(…lines)` writes
 * the gateway's configuration, `gateway(config)` starts the built gateway with it.
 */
export async function withServers(bench) {
  const folder = mkdtempSync(path.join(tmpdir(), 'ripstop-bench-'));
  const children = [];
  try {
    return await bench({
      folder,
      children,
      part: (name, ...args) => start(children, here(`./${name}.mjs`), args.map(String), /^(\d+)$/),
      config(...lines) {
        const file = path.join(folder, 'ripstop.yaml');
        writeFileSync(file, lines.join('\n'));
        return file;
      },
      gateway: (config, { args = ['--log-level', 'warn'], flags = [] } = {}) => {
        const script = here('../../packages/gateway/bin/ripstop.js');
        return start(children, script, ['serve', '--config', config, ...args], gatewayPort, flags);
      },
    });
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One upstream and one model before it. */
export function plainConfig(upstream, server = 'port: 0') {
  return [
    `server: { ${server} }`,
    `upstreams: { main: { url: "${upstream.url}/v1", model: bench } }`,
    'models: { default: [main] }',
  ];
}
