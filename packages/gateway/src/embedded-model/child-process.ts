import { type ChildProcess, fork } from 'node:child_process';

/** How a process ended: its exit code, or the signal that ended it (neither, if it never began), and its last words. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly lastWords: string;
}

/** A running process, from outside. */
export interface Port<To> {
  /** 0 until it is known, and where the process could not be started; its exit follows. */
  readonly pid: number;
  send(message: To): void;
  /** Ends the process whatever state it is in. */
  kill(): void;
}

export interface PortListener<From> {
  readonly onMessage: (message: From) => void;
  /** Once, and last. */
  readonly onExit: (exit: Exit) => void;
}

const maxLastWords = 4_000;
/** What a process of ours may know of the environment: enough to run, and none of the keys that live there. */
const passedOn = ['PATH', 'HOME', 'TMPDIR', 'TMP', 'TEMP', 'LANG', 'SystemRoot', 'LD_LIBRARY_PATH', 'NODE_PATH'];

/** Starts a program of ours in a process of its own, which gets `task` as its argument and talks over IPC. */
export function forkProcess<To extends object, From>(
  entry: string,
  task: unknown,
  { onMessage, onExit }: PortListener<From>,
): Port<To> {
  let child: ChildProcess;
  try {
    child = fork(entry, [JSON.stringify(task)], {
      execArgv: [],
      env: Object.fromEntries(passedOn.map((name) => [name, process.env[name]])),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
  } catch (error) {
    // Out of processes or descriptors. It may pass, as any other start that failed.
    queueMicrotask(() => onExit({ code: null, signal: null, lastWords: String(error) }));
    return { pid: 0, send: () => undefined, kill: () => undefined };
  }
  const lastWords = keepLastWords(child);
  let over = false;
  const end = (exit: Exit): void => {
    if (over) return;
    over = true;
    onExit(exit);
  };
  child.on('message', (message) => {
    if (!over) onMessage(message as From);
  });
  child.once('exit', (code, signal) => end({ code, signal, lastWords: lastWords() }));
  child.on('error', (error) => {
    // It also reports a failed signal or message; only a process that never was has no exit to come.
    if (child.pid === undefined) end({ code: null, signal: null, lastWords: error.message });
  });
  return {
    pid: child.pid ?? 0,
    // A message that does not arrive finds a process that is ending, and its exit event says so.
    send: (message) => void child.send(message, () => undefined),
    kill: () => void child.kill('SIGKILL'),
  };
}

function keepLastWords(child: ChildProcess): () => string {
  let words = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (text: string) => {
    words = (words + text).slice(-maxLastWords);
  });
  return () => words;
}
