/** `npm start [-- --port N]`: sets up if needed, then runs the gateway, which prints its address. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root, setUp } from './set-up.mjs';

await setUp();

const gateway = spawn(
  process.execPath,
  [join(root, 'packages/gateway/bin/ripstop.js'), 'serve', ...process.argv.slice(2)],
  {
    stdio: 'inherit',
  },
);

// In a terminal Ctrl+C reaches both processes, and npm may add its own: the gateway takes a second signal as "now",
// so only a signal that was sent to this process alone is passed on.
const fromTerminal = process.stdin.isTTY === true;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (!(fromTerminal && signal === 'SIGINT')) gateway.kill(signal);
  });
}

gateway.once('error', (error) => {
  console.error(`The gateway could not be started: ${error.message}`);
  process.exitCode = 1;
});
gateway.once('close', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1);
});
