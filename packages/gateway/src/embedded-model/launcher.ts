import { fileURLToPath } from 'node:url';
import type { Clock, Timer } from 'ripstop';
import { type Exit, forkProcess, type Port } from './child-process.js';
import type { EngineListener, EnginePort, EngineSource, OpenPort } from './engine-port.js';
import type { EngineSpec, FromEngine, ToEngine } from './protocol.js';

export type ToLauncher =
  | { readonly type: 'open'; readonly id: number; readonly entry: string; readonly spec: EngineSpec }
  | { readonly type: 'send'; readonly id: number; readonly message: ToEngine }
  | { readonly type: 'kill'; readonly id: number };

export type FromLauncher =
  | { readonly type: 'opened'; readonly id: number; readonly pid: number }
  | { readonly type: 'message'; readonly id: number; readonly message: FromEngine }
  | { readonly type: 'exit'; readonly id: number; readonly exit: Exit };

/** The programs of the two processes; replaced in tests. */
export interface LauncherFiles {
  readonly launcher: string;
  readonly engine: string;
}

const builtFile = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const builtFiles: LauncherFiles = {
  launcher: builtFile('./launcher-child.js'),
  engine: builtFile('./engine-child.js'),
};

/** How long the launcher may take to report the end of an engine that was killed, in milliseconds. */
const exitReportMs = 2_000;

interface Engine {
  readonly listener: EngineListener;
  pid: number;
  overdue: Timer | undefined;
}

/**
 * Starts engine processes by way of a small process that does nothing else.
 *
 * To start a process the kernel copies the page tables of the one that asks, and that one stands still meanwhile: 30 ms
 * for a server of 200 MB, several times that on a busy machine. The launcher is started once, while the server is
 * small, and stays small; a restart of an engine costs the server nothing.
 */
export class Launcher implements EngineSource {
  private readonly clock: Clock;
  private readonly files: LauncherFiles;
  private readonly engines = new Map<number, Engine>();
  private process: Port<ToLauncher> | undefined = undefined;
  private nextId = 1;

  constructor(clock: Clock, files: LauncherFiles = builtFiles) {
    this.clock = clock;
    this.files = files;
  }

  open(spec: EngineSpec): OpenPort {
    return (listener) => {
      const id = this.nextId;
      this.nextId += 1;
      const engine: Engine = { listener, pid: 0, overdue: undefined };
      this.process ??= this.launch();
      this.engines.set(id, engine);
      this.process.send({ type: 'open', id, entry: this.files.engine, spec });
      return this.portOf(id, engine);
    };
  }

  close(): void {
    this.process?.kill();
  }

  private launch(): Port<ToLauncher> {
    return forkProcess<ToLauncher, FromLauncher>(
      this.files.launcher,
      {},
      {
        onMessage: (message) => this.hear(message),
        onExit: (exit) => {
          this.process = undefined;
          for (const [id, { pid }] of this.engines) {
            // They leave when they find themselves alone, but one that is stopped or hangs never finds out.
            endProcess(pid);
            this.end(id, exit);
          }
        },
      },
    );
  }

  private portOf(id: number, engine: Engine): EnginePort {
    return {
      get pid() {
        return engine.pid;
      },
      send: (message) => this.process?.send({ type: 'send', id, message }),
      kill: () => this.kill(id, engine),
    };
  }

  private kill(id: number, engine: Engine): void {
    if (!this.engines.has(id) || engine.overdue !== undefined) return;
    this.process?.send({ type: 'kill', id });
    // Should the launcher itself hang, everything that it started goes with it.
    engine.overdue = this.clock.after(exitReportMs, () => this.process?.kill());
  }

  private hear(message: FromLauncher): void {
    const engine = this.engines.get(message.id);
    if (engine === undefined) return;
    switch (message.type) {
      case 'opened':
        engine.pid = message.pid;
        break;
      case 'message':
        engine.listener.onMessage(message.message);
        break;
      case 'exit':
        this.end(message.id, message.exit);
        break;
    }
  }

  private end(id: number, exit: Exit): void {
    const engine = this.engines.get(id);
    this.engines.delete(id);
    engine?.overdue?.cancel();
    engine?.listener.onExit(exit);
  }
}

function endProcess(pid: number): void {
  if (pid === 0) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: it has left already
  }
}
