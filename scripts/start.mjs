/** `npm start [-- --port N]`: sets up if needed, then runs the gateway, which prints its address. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root, setUp } from './set-up.mjs';

await setUp();

const script = join(root, 'packages/gateway/bin/ripstop.js');
const gateway = spawn(process.execPath, [script, 'serve', ...process.argv.slice(2)], { stdio: 'inherit' });

// In a terminal Ctrl+C reaches both processes, and npm may add its own: the gateway takes a second signal as "now",
// so only a signal that was sent to this process alone is passed on.
const fromTerminal = process.stdin.isTTY === true;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (!(fromTerminal && signal === 'SIGINT')) gateway.kill(signal);
  });
}

// npm runs us under a shell, and a shell that is ended by a signal takes nobody with it.
if (process.env.npm_lifecycle_event === 'start') {
  const shell = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(watch);
    gateway.kill('SIGTERM');
  }, 250);
  watch.unref();
}

gateway.once('error', (error) => {
  console.error(`The gateway could not be started: ${error.message}`);
  process.exitCode = 1;
});
gateway.once('close', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1);
});
