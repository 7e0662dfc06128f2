/** The engine's process, as it was built, with faults that a signal sets off: they come from inside, as real ones do. */
import { setTimeout as delay } from 'node:timers/promises';

const hoard = [];

async function eatMemory() {
  // Ends by itself far beyond any limit, so that a test that fails does not take the machine along.
  while (hoard.length < 64) {
    hoard.push(Buffer.alloc(32 * 1024 * 1024, 1));
    await delay(1);
  }
}

function hang() {
  for (;;);
}

process.on('SIGUSR2', () => void eatMemory());
process.on('SIGHUP', hang);

await import('../../packages/gateway/dist/embedded-model/engine-child.js');
