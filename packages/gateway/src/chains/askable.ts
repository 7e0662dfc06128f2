/** A chain as it is asked, and what is told of who answered. */
import type { Runtime } from 'ripstop';
import { ModelError } from 'ripstop/errors';
import type {
  BilledAttempt,
  ChatRequest,
  Delta,
  FallbackStream,
  GenerateOptions,
  Generation,
  ModelFallbackChain,
} from 'ripstop/models';
import type { CallContext } from 'ripstop/policies';
import { firstCause } from './first-cause.js';
import type { Hedging } from './hedging.js';

/** Who answered, for headers and logs. */
export interface Served {
  readonly upstream: string;
  /** Upstreams that were asked, the one that answered included. */
  readonly attempts: number;
  readonly wasFallback: boolean;
  /** Was less asked for in the end, because memory had run out? */
  readonly wasReduced?: boolean;
}

export interface ChainOptions extends GenerateOptions {
  /** The time for all upstreams together, in milliseconds from now. */
  readonly deadlineMs?: number;
  readonly context: CallContext;
  /** After an upstream's memory ran out: is it asked for half of the tokens before the next one? Default: `next`. */
  readonly whenOutOfMemory?: 'next' | 'halve';
  /** Told once, before the first word of the answer. */
  readonly served: (facts: Served) => void;
}

/** A stream that is resumed where it breaks off, as far as that can be done. */
export interface ChainStream {
  readonly deltas: AsyncIterable<Delta>;
  /** The name of who speaks now. */
  readonly upstream: string;
  /** Who speaks now, for headers and logs. */
  readonly serving: Served;
  /** Of a resumed stream, what each upstream's part has cost; complete at its end. */
  readonly billed: readonly BilledAttempt[];
}

/** A chain as it is asked. */
export interface Askable<Request> {
  generate(input: Request, options: ChainOptions): Promise<Generation & { readonly upstream: string }>;
  /** Settles with the first content. */
  stream(input: Request, options: ChainOptions): Promise<ChainStream>;
}

/** A chain of the library's, and when its streams are hedged. */
export interface AskedModels {
  readonly chain: ModelFallbackChain;
  readonly hedging: Hedging | undefined;
}

export function askers({ chain, hedging }: AskedModels, { clock }: Runtime): Askable<string | ChatRequest> {
  return {
    async generate(input, { served, ...options }) {
      try {
        const answer = await chain.generateWithFallback(input, options);
        const { generated_text: text, model_used: upstream, usage, finish_reason: finishReason, raw } = answer;
        served(facts(answer, upstream));
        return { upstream, text, usage, finishReason, raw };
      } catch (error) {
        throw failed(error, served);
      }
    },
    async stream(input, { served, ...options }) {
      try {
        const startedAt = clock.now();
        const answer = await chain.streamWithFallback(input, options);
        hedging?.heard(clock.now() - startedAt);
        const stream = new AnswerStream(answer);
        served(stream.serving);
        return stream;
      } catch (error) {
        throw failed(error, served);
      }
    },
  };
}

class AnswerStream implements ChainStream {
  readonly deltas: AsyncIterable<Delta>;
  private readonly answer: FallbackStream;

  constructor(answer: FallbackStream) {
    this.deltas = answer.stream;
    this.answer = answer;
  }

  get upstream(): string {
    return this.answer.model_used;
  }

  get serving(): Served {
    return facts(this.answer, this.upstream);
  }

  get billed(): readonly BilledAttempt[] {
    return this.answer.billed;
  }
}

/** What the library tells of an answer. */
type Told = Pick<FallbackStream, 'attempts' | 'was_fallback' | 'reduced_max_tokens'>;

/** The error that the caller gets; who was asked last is told like who answered. */
function failed(error: unknown, served: (facts: Served) => void): unknown {
  if (!ModelError.isInstance(error)) return error;
  const { attempts } = error;
  const last = attempts?.at(-1)?.model;
  if (attempts !== undefined && last !== undefined) {
    served({ upstream: last, attempts: attempts.length, wasFallback: attempts[0]?.model !== last });
  }
  return firstCause(error);
}

function facts({ attempts, was_fallback: wasFallback, reduced_max_tokens: tokens }: Told, upstream: string): Served {
  return { upstream, attempts: attempts.length + 1, wasFallback, wasReduced: tokens !== undefined };
}
