import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { EngineSpec, FromEngine, ToEngine } from './protocol.js';

/** How a process ended: its exit code, or the signal that ended it (neither, if it never began), and its last words. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly lastWords: string;
}

/** A running engine process, from outside. */
export interface EnginePort {
  /** 0 where the process could not be started; its exit follows. */
  readonly pid: number;
  send(message: ToEngine): void;
  /** Ends the process whatever state it is in. */
  kill(): void;
}

export interface PortListener {
  readonly onMessage: (message: FromEngine) => void;
  /** Once, and last. */
  readonly onExit: (exit: Exit) => void;
}

export type OpenPort = (listener: PortListener) => EnginePort;

const childFile = fileURLToPath(new URL('./engine-child.js', import.meta.url));
const maxLastWords = 4_000;
/** What the process may know of our environment: enough to run, and none of the keys that live there. */
const passedOn = ['PATH', 'HOME', 'TMPDIR', 'TMP', 'TEMP', 'LANG', 'SystemRoot', 'LD_LIBRARY_PATH', 'NODE_PATH'];

/** Starts an engine in a process of its own. `entry` replaces its program, for tests. */
export function forkEngine(
  spec: EngineSpec,
  { onMessage, onExit }: PortListener,
  entry: string = childFile,
): EnginePort {
  let child: ChildProcess;
  try {
    child = fork(entry, [JSON.stringify(spec)], {
      execArgv: [],
      env: environment(),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
  } catch (error) {
    // Out of processes or descriptors. It may pass, as any other start that failed.
    queueMicrotask(() => onExit({ code: null, signal: null, lastWords: String(error) }));
    return { pid: 0, send: () => undefined, kill: () => undefined };
  }
  const lastWords = keepLastWords(child);
  let over = false;
  const end = (code: number | null, signal: string | null, words = lastWords()): void => {
    if (over) return;
    over = true;
    onExit({ code, signal, lastWords: words });
  };
  child.on('message', (message) => {
    if (!over) onMessage(message as FromEngine);
  });
  child.once('exit', (code, signal) => end(code, signal));
  child.once('error', (error) => {
    // It also reports a failed signal or message; only a process that never was has no exit to come.
    if (child.pid === undefined) end(null, null, error.message);
  });
  return {
    pid: child.pid ?? 0,
    // A message that does not arrive finds a process that is ending, and its exit event says so.
    send: (message) => void child.send(message, () => undefined),
    kill: () => void child.kill('SIGKILL'),
  };
}

function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(passedOn.filter((name) => name in process.env).map((name) => [name, process.env[name]]));
}

function keepLastWords(child: ChildProcess): () => string {
  let words = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (text: string) => {
    words = (words + text).slice(-maxLastWords);
  });
  return () => words;
}
