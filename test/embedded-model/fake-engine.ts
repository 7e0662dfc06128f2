import type { Exit } from '../../packages/gateway/src/embedded-model/child-process.js';
import type {
  EngineListener,
  EnginePort,
  EngineSource,
  OpenPort,
} from '../../packages/gateway/src/embedded-model/engine-port.js';
import type { EngineSpec, FromEngine, ToEngine } from '../../packages/gateway/src/embedded-model/protocol.js';

/** The far side of a port, played by the test. */
export interface FakeLife {
  readonly pid: number;
  readonly heard: ToEngine[];
  killed: boolean;
  say(message: FromEngine): void;
  ready(note?: string): void;
  exit(exit?: Partial<Exit>): void;
}

export interface FakeEngines {
  readonly open: OpenPort;
  readonly lives: FakeLife[];
  readonly source: EngineSource;
  /** What was asked for, start by start. */
  readonly specs: EngineSpec[];
}

/** Engine processes without processes: every start is a life that the test plays. */
export function fakeEngines(): FakeEngines {
  const lives: FakeLife[] = [];
  const specs: EngineSpec[] = [];
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
  const source: EngineSource = {
    open: (spec) => {
      specs.push(spec);
      return open;
    },
    close: () => undefined,
  };
  return { open, lives, source, specs };
}

function playedLife(pid: number, { onMessage, onExit }: EngineListener): FakeLife {
  return {
    pid,
    heard: [],
    killed: false,
    say: onMessage,
    ready: (note) => {
      onMessage({ type: 'ready', runtime: 'interpreter', contextLength: 512, maxTokenLength: 15, note });
    },
    exit: (exit) => onExit({ code: null, signal: 'SIGKILL', lastWords: '', ...exit }),
  };
}
