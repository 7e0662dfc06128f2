import type { Runtime, Timer } from 'ripstop';
import { type EngineEnd, endError } from './engine-end.js';
import { EngineJobs, type GenerateCall } from './engine-jobs.js';
import type { EngineLimits } from './engine-limits.js';
import type { EnginePort, OpenPort } from './engine-port.js';
import type { EngineFacts, Finished, FromEngine, GenerationRequest, Turn } from './protocol.js';

export interface EngineProcessOptions {
  readonly open: OpenPort;
  readonly limits: EngineLimits;
  /** Resident memory of a process, `undefined` when it has ended. Left out where nobody can tell. */
  readonly readMemoryMb?: ((pid: number) => Promise<number | undefined>) | undefined;
  readonly onReady: (facts: EngineFacts) => void;
  /** Once, when the process has ended or has been killed. */
  readonly onEnd: (end: EngineEnd) => void;
}

/** How often silence is looked for within its limit. */
const silenceChecks = 10;

/**
 * One life of an engine process: from its start, through what it is asked, to its end. It is killed when it loads too
 * long, falls silent, takes too much memory or does not stop when told; what was under way in it fails at once, with
 * the error that names the reason.
 */
export class EngineProcess {
  /** Resolves when the process is gone. */
  readonly exited: Promise<void>;
  private readonly port: EnginePort;
  private readonly jobs: EngineJobs;
  private readonly runtime: Runtime;
  private readonly options: EngineProcessOptions;
  private facts: EngineFacts | undefined = undefined;
  private end: EngineEnd | undefined = undefined;
  private memoryMb: number | undefined = undefined;
  /** Checks in a row that heard nothing. Checks are counted, not time: when our own process was held up, it was not silent. */
  private silentChecks = 0;
  private readonly timers = new Set<Timer>();

  constructor(options: EngineProcessOptions, runtime: Runtime) {
    const { limits } = options;
    this.options = options;
    this.runtime = runtime;
    let gone = (): void => undefined;
    this.exited = new Promise((resolve) => {
      gone = resolve;
    });
    this.port = options.open({
      onMessage: (message) => this.hear(message),
      onExit: (exit) => {
        this.finish({ kind: 'exited', exit });
        gone();
      },
    });
    this.jobs = new EngineJobs({
      runtime,
      limits,
      send: (message) => this.port.send(message),
      stuck: (limitMs) => this.kill({ kind: 'unresponsive', limitMs }),
    });
    this.after(limits.startMs, () => {
      if (this.facts === undefined) this.kill({ kind: 'start_limit', limitMs: limits.startMs });
    });
    this.watchMemory();
  }

  get pid(): number {
    return this.port.pid;
  }

  /** As it was last seen, by the kernel or by itself. */
  get rssMb(): number | undefined {
    return this.memoryMb;
  }

  generate(request: GenerationRequest, call: GenerateCall): Promise<Finished> {
    if (this.end !== undefined) return Promise.reject(endError(this.end));
    return this.jobs.generate(request, call);
  }

  countTokens(turns: readonly Turn[], signal?: AbortSignal): Promise<number> {
    if (this.end !== undefined) return Promise.reject(endError(this.end));
    return this.jobs.countTokens(turns, signal);
  }

  kill(end: EngineEnd): void {
    if (this.end !== undefined) return;
    this.port.kill();
    this.finish(end);
  }

  private finish(end: EngineEnd): void {
    if (this.end !== undefined) return;
    this.end = end;
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
    this.jobs.end(() => endError(end));
    this.options.onEnd(end);
  }

  private hear(message: FromEngine): void {
    if (this.end !== undefined) return;
    this.silentChecks = 0;
    switch (message.type) {
      case 'ready':
        this.facts = message;
        this.watchSilence();
        this.options.onReady(message);
        break;
      case 'failed':
        this.kill({ kind: 'failed_to_start', reason: message.reason, message: message.message });
        break;
      case 'heartbeat':
        this.memoryMb = message.rssMb;
        break;
      case 'text':
      case 'done':
      case 'too_long':
      case 'counted':
      case 'error':
        this.jobs.hear(message);
        break;
    }
  }

  private watchSilence(): void {
    const { silenceMs } = this.options.limits;
    this.after(silenceMs / silenceChecks, () => {
      this.silentChecks += 1;
      if (this.silentChecks > silenceChecks) this.kill({ kind: 'unresponsive', limitMs: silenceMs });
      else this.watchSilence();
    });
  }

  private watchMemory(): void {
    const { readMemoryMb, limits } = this.options;
    if (readMemoryMb !== undefined) this.after(limits.memoryPollMs, () => void this.checkMemory(readMemoryMb));
  }

  private async checkMemory(readMemoryMb: (pid: number) => Promise<number | undefined>): Promise<void> {
    const { memoryMb: limitMb } = this.options.limits;
    const usedMb = await readMemoryMb(this.pid);
    if (this.end !== undefined) return;
    if (usedMb !== undefined) this.memoryMb = usedMb;
    if (usedMb !== undefined && usedMb > limitMb) this.kill({ kind: 'memory_limit', usedMb, limitMb });
    else this.watchMemory();
  }

  private after(ms: number, action: () => void): void {
    const timer = this.runtime.clock.after(ms, () => {
      this.timers.delete(timer);
      action();
    });
    this.timers.add(timer);
  }
}
