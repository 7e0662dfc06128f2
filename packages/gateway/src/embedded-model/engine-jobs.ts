import { ContextLengthError, GenerationFailedError, InferenceTimeoutError, type ModelError } from 'ripstop/errors';
import type { Runtime, Timer } from 'ripstop';
import type { EngineLimits } from './engine-limits.js';
import type { Finished, FromEngine, GenerationRequest, ToEngine, TooLong, Turn } from './protocol.js';

/** What the jobs need of their process. */
export interface JobHost {
  readonly runtime: Runtime;
  readonly limits: EngineLimits;
  send(message: ToEngine): void;
  /** A cancelled job did not stop in time. */
  stuck(limitMs: number): void;
}

export interface GenerateCall {
  readonly signal?: AbortSignal | undefined;
  readonly onText: (text: string) => void;
}

interface Job {
  readonly resolve: (message: FromEngine) => void;
  readonly reject: (error: unknown) => void;
  readonly onText?: (text: string) => void;
}

/**
 * What one engine process has been asked and has not answered. Every job settles exactly once: by its answer, its
 * caller's abort, its limit, or the end of the process; and leaves no timer and no listener behind.
 */
export class EngineJobs {
  private readonly host: JobHost;
  private readonly jobs = new Map<number, Job>();
  /** Cancelled, and not yet confirmed. */
  private readonly stopping = new Map<number, Timer>();
  private nextId = 1;

  constructor(host: JobHost) {
    this.host = host;
  }

  /**
   * @throws what `signal` was aborted with, ContextLengthError, InferenceTimeoutError at the limit of one answer,
   * GenerationFailedError, or the error that the process ended with.
   */
  async generate(request: GenerationRequest, { signal, onText }: GenerateCall): Promise<Finished> {
    const message = await this.ask((id) => ({ ...request, type: 'generate', id }), {
      signal,
      onText,
      limitMs: this.host.limits.generationMs,
    });
    if (message.type === 'done') return message;
    throw message.type === 'too_long' ? tooLong(message) : failure(message);
  }

  async countTokens(turns: readonly Turn[], signal?: AbortSignal): Promise<number> {
    const { silenceMs } = this.host.limits;
    const message = await this.ask((id) => ({ type: 'count', id, turns }), { signal, limitMs: silenceMs });
    if (message.type !== 'counted') throw failure(message);
    return message.inputTokens;
  }

  /** Takes an answer of the process. */
  hear(message: Extract<FromEngine, { id: number }>): void {
    const job = this.jobs.get(message.id);
    if (message.type === 'text') {
      job?.onText?.(message.text);
      return;
    }
    this.stopping.get(message.id)?.cancel();
    this.stopping.delete(message.id);
    job?.resolve(message);
  }

  /** The process is no more. */
  end(error: () => ModelError): void {
    for (const timer of this.stopping.values()) timer.cancel();
    this.stopping.clear();
    // An error of its own for each, since errors are written on while they travel.
    for (const job of this.jobs.values()) job.reject(error());
  }

  private ask(
    message: (id: number) => ToEngine,
    call: { signal?: AbortSignal | undefined; limitMs: number; onText?: (text: string) => void },
  ): Promise<FromEngine> {
    const { signal, limitMs, onText } = call;
    const id = this.nextId;
    this.nextId += 1;
    return new Promise<FromEngine>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const limit = this.host.runtime.clock.after(limitMs, () => this.give(id, new InferenceTimeoutError(limitMs)));
      const left = (): void => this.give(id, signal?.reason);
      const settle = (): void => {
        this.jobs.delete(id);
        limit.cancel();
        signal?.removeEventListener('abort', left);
      };
      signal?.addEventListener('abort', left, { once: true });
      this.jobs.set(id, {
        resolve: (answer) => (settle(), resolve(answer)),
        reject: (error) => (settle(), reject(error)),
        ...(onText === undefined ? {} : { onText }),
      });
      this.host.send(message(id));
    });
  }

  /** Gives a job up: its caller knows at once, the process is told, and has a while to obey. */
  private give(id: number, error: unknown): void {
    const { runtime, limits } = this.host;
    this.stopping.set(
      id,
      runtime.clock.after(limits.cancelMs, () => this.host.stuck(limits.cancelMs)),
    );
    this.jobs.get(id)?.reject(error);
    this.host.send({ type: 'cancel', id });
  }
}

function tooLong({ inputTokens, maxTokens, contextLength }: TooLong): ContextLengthError {
  return new ContextLengthError({
    inputLength: inputTokens + maxTokens,
    maxLength: contextLength,
    details: { input_tokens: inputTokens, max_tokens: maxTokens },
  });
}

function failure(message: FromEngine): GenerationFailedError {
  return new GenerationFailedError(undefined, { diagnostics: message });
}
