import type { EnginePort, Exit, OpenPort, PortListener } from '../../packages/gateway/src/embedded-model/engine-port.js';
import type { FromEngine, ToEngine } from '../../packages/gateway/src/embedded-model/protocol.js';

/** The far side of a port, played by the test. */
export interface FakeLife {
  readonly pid: number;
  readonly heard: ToEngine[];
  killed: boolean;
  say(message: FromEngine): void;
  ready(): void;
  exit(exit?: Partial<Exit>): void;
}

/** Engine processes without processes: every start is a life that the test plays. */
export function fakeEngines(): { readonly open: OpenPort; readonly lives: FakeLife[] } {
  const lives: FakeLife[] = [];
  const open: OpenPort = (listener) => {
    const life = playedLife(lives.length + 1, listener);
    lives.push(life);
    const port: EnginePort = {
      pid: life.pid,
      send: (message) => void life.heard.push(message),
      kill: () => {
        life.killed = true;
      },
    };
    return port;
  };
  return { open, lives };
}

function playedLife(pid: number, { onMessage, onExit }: PortListener): FakeLife {
  return {
    pid,
    heard: [],
    killed: false,
    say: onMessage,
    ready: () => onMessage({ type: 'ready', runtime: 'interpreter', contextLength: 512, maxTokenLength: 15 }),
    exit: (exit) => onExit({ code: null, signal: 'SIGKILL', lastWords: '', ...exit }),
  };
}
