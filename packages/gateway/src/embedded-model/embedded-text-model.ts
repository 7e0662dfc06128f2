import { type Runtime, systemRuntime } from 'ripstop';
import { ContextLengthError, ModelError, StreamInterruptedError } from 'ripstop/errors';
import type { ChatRequest, Delta, GenerateOptions, Generation, TextModel, Usage } from 'ripstop/models';
import { turnsOf } from './chat-input.js';
import { DeltaStream } from './delta-stream.js';
import type { EngineSource, OpenPort } from './engine-port.js';
import { generationOptions } from './generation-options.js';
import { Launcher } from './launcher.js';
import { fallBack, type LocalModelOptions, type LocalModelPlan, planLocalModel } from './local-model.js';
import { memoryIsReadable, residentMemoryMb } from './process-memory.js';
import type { EngineFacts, EngineRuntime, EngineSpec, Finished, GenerationRequest } from './protocol.js';
import { Supervisor } from './supervisor.js';
import { Turnstile } from './turnstile.js';

/** How a local model is, for `/health`. */
export interface LocalModelHealth {
  readonly state: 'starting' | 'ready' | 'restarting' | 'stopped';
  /** Which program runs it; `undefined` until it is known. */
  readonly runtime: EngineRuntime | undefined;
  readonly pid: number | undefined;
  readonly rssMb: number | undefined;
  /** In MB; `undefined` where this platform does not tell a process's memory, so that no limit is enforced. */
  readonly memoryLimitMb: number | undefined;
  /** Processes that were replaced since the start. */
  readonly restarts: number;
  readonly contextLength: number | undefined;
  readonly queue: { readonly running: number; readonly waiting: number; readonly maxWaiting: number };
  /** Why the runtime is not the one that was hoped for. */
  readonly note: string | undefined;
}

/** What the model stands on; replaced in tests. */
export interface LocalModelParts {
  /** What it is called, for events. */
  readonly name?: string | undefined;
  readonly engines?: EngineSource | undefined;
  readonly runtime?: Runtime | undefined;
}

/**
 * A text model that runs on this machine, in a process of its own.
 *
 * One answer at a time; the others wait in a bounded queue. Tokens are counted before any are made. Whatever happens
 * to the process, requests in flight get a typed error and the next one works.
 */
export class EmbeddedTextModel implements TextModel {
  private readonly plan: LocalModelPlan;
  private readonly runtime: Runtime;
  private readonly supervisor: Supervisor;
  private readonly turnstile: Turnstile;
  private readonly engines: EngineSource;

  constructor(options: LocalModelOptions, { name, runtime = systemRuntime, engines }: LocalModelParts = {}) {
    const plan = planLocalModel(options);
    this.plan = plan;
    this.runtime = runtime;
    this.engines = engines ?? new Launcher(runtime.clock);
    this.turnstile = new Turnstile(plan, runtime);
    const readMemoryMb = memoryIsReadable ? residentMemoryMb : undefined;
    const open = opener(plan.spec, this.engines);
    this.supervisor = new Supervisor({ ...plan, model: name, open, readMemoryMb }, runtime);
  }

  /** Window in tokens; unknown until a user's own file has been loaded. */
  get contextLength(): number | undefined {
    return this.supervisor.facts?.contextLength ?? this.plan.contextLength;
  }

  /**
   * Starts the engine and waits until it can answer. Optional: the first request would do it.
   *
   * @throws ModelLoadingError: with `isRetryable: false` where the file or its runtime cannot be used.
   */
  async start(): Promise<void> {
    await this.supervisor.ready(undefined, 2 * this.plan.limits.startMs);
  }

  /** Ends the process and waits until it is gone. What is under way fails. */
  async stop(): Promise<void> {
    await this.supervisor.stop();
    this.engines.close();
  }

  /**
   * @throws InvalidInputError, ContextLengthError, ModelOverloadedError (`queue_full`, `queue_timeout`, `draining`),
   * ModelLoadingError, InferenceTimeoutError, OutOfMemoryError, GenerationFailedError, or the signal's reason.
   */
  async generate(input: string | ChatRequest, options: GenerateOptions = {}): Promise<Generation> {
    const texts: string[] = [];
    const finished = await this.run(input, options, (text) => texts.push(text));
    return { text: texts.join(''), usage: usageOf(finished), finishReason: finished.finishReason };
  }

  /** Fails as `generate` does, until the first delta; after that with a StreamInterruptedError that has it as cause. */
  stream(input: string | ChatRequest, options: GenerateOptions = {}): AsyncIterableIterator<Delta> {
    return new DeltaStream(async (push, signal) => {
      let begun = false;
      try {
        const finished = await this.run(input, { ...options, signal }, (text) => {
          begun = true;
          push({ text });
        });
        push({ finishReason: finished.finishReason, usage: usageOf(finished) });
      } catch (error) {
        throw begun && !signal.aborted ? interrupted(error) : error;
      }
    }, options.signal);
  }

  /** Tokens of the prompt, chat template included. @throws as `generate` does. */
  async countTokens(input: string | ChatRequest): Promise<number> {
    const turns = turnsOf(input);
    const { process, facts } = await this.supervisor.ready();
    refuseHopeless({ turns }, facts);
    return process.countTokens(turns);
  }

  health(): LocalModelHealth {
    const { supervisor, turnstile, plan } = this;
    return {
      state: supervisor.status,
      runtime: supervisor.facts?.runtime,
      pid: supervisor.current?.pid,
      rssMb: supervisor.current?.rssMb,
      memoryLimitMb: memoryIsReadable ? plan.limits.memoryMb : undefined,
      restarts: supervisor.restarts,
      contextLength: this.contextLength,
      queue: { running: turnstile.running, waiting: turnstile.waiting, maxWaiting: plan.maxWaiting },
      note: supervisor.facts?.note,
    };
  }

  private async run(
    input: string | ChatRequest,
    options: GenerateOptions,
    onText: (text: string) => void,
  ): Promise<Finished> {
    const { signal } = options;
    const request = this.requestOf(input, options);
    // Before the queue, so that what cannot fit takes nobody's place.
    if (this.supervisor.facts !== undefined) refuseHopeless(request, this.supervisor.facts);
    const leave = await this.turnstile.enter(signal);
    try {
      const { process, facts } = await this.supervisor.ready(signal);
      refuseHopeless(request, facts);
      const finished = await process.generate(request, { signal, onText });
      this.supervisor.worked();
      return finished;
    } finally {
      leave();
    }
  }

  private requestOf(input: string | ChatRequest, options: GenerateOptions): GenerationRequest {
    const turns = turnsOf(input);
    const defaults = {
      temperature: this.plan.temperature,
      topP: 0.95,
      topK: 40,
      seed: () => Math.floor(this.runtime.random() * 2 ** 32),
    };
    return { ...generationOptions(input, options, defaults), turns };
  }
}

/** Refuses a prompt that alone cannot fit, whatever its tokens are, without counting or even sending it. */
function refuseHopeless(
  { turns, maxTokens = 1 }: Pick<GenerationRequest, 'turns' | 'maxTokens'>,
  { contextLength, maxTokenLength }: EngineFacts,
): void {
  const length = turns.reduce((sum, { text }) => sum + text.length, 0);
  const leastTokens = Math.ceil(length / maxTokenLength);
  if (leastTokens < contextLength) return;
  throw new ContextLengthError({
    inputLength: leastTokens + maxTokens,
    maxLength: contextLength,
    details: { input_tokens: leastTokens, max_tokens: maxTokens, counted: 'at_least' },
  });
}

function usageOf({ inputTokens, outputTokens }: Finished): Usage {
  return { inputTokens, outputTokens };
}

function interrupted(cause: unknown): StreamInterruptedError {
  const reason = ModelError.isInstance(cause) ? cause.errorType : 'internal_error';
  return new StreamInterruptedError(undefined, { cause, details: { reason } });
}

function opener(spec: EngineSpec, engines: EngineSource): (failedStarts: number) => OpenPort {
  let chosen = spec;
  return (failedStarts) => {
    if (failedStarts > 0) chosen = fallBack(chosen);
    return engines.open(chosen);
  };
}
