/** The process that starts engines, passes on what they and the server say to each other, and leaves with the server. */
import { forkProcess } from './child-process.js';
import type { EnginePort } from './engine-port.js';
import type { FromLauncher, ToLauncher } from './launcher.js';
import type { FromEngine, ToEngine } from './protocol.js';

const engines = new Map<number, EnginePort>();

process.on('message', (message: ToLauncher) => obey(message));
process.on('disconnect', leave);
// Ctrl-C and a service manager's stop signal reach the whole process group; the server still drains then, and ends us.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

function obey(message: ToLauncher): void {
  const { id } = message;
  switch (message.type) {
    case 'open': {
      const port = forkProcess<ToEngine, FromEngine>(message.entry, message.spec, {
        onMessage: (said) => say({ type: 'message', id, message: said }),
        onExit: (exit) => {
          engines.delete(id);
          say({ type: 'exit', id, exit });
        },
      });
      engines.set(id, port);
      say({ type: 'opened', id, pid: port.pid });
      break;
    }
    case 'send':
      engines.get(id)?.send(message.message);
      break;
    case 'kill':
      engines.get(id)?.kill();
      break;
  }
}

function say(message: FromLauncher): void {
  // A server that is gone cannot be told so; without a callback the write would throw.
  process.send?.(message, undefined, undefined, (error) => {
    if (error !== null) leave();
  });
}

function leave(): never {
  for (const port of engines.values()) port.kill();
  process.exit(0);
}
