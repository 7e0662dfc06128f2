/** `ripstop/ai-sdk`: resilience as a middleware of the AI SDK's language models. */
import type { LanguageModelMiddleware } from 'ai';
import { abortable } from '../call/attempt.js';
import type { CallContext } from '../call/call.js';
import { check, type Defaults, positive, withDefaults } from '../call/options.js';
import { createContext } from '../call/root-scope.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { ModelError } from '../errors/model-error.js';
import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import { circuitBreaker } from '../policies/circuit-breaker.js';
import { type Policy, pipeline } from '../policies/policy.js';
import { retry, retryBudget } from '../policies/retry.js';
import {
  type AiGeneration,
  type AiModel,
  type AiTimeouts,
  aiTextModel,
  asInput,
  type Batch,
  partStream,
} from './ai-sdk-model.js';
import { type ModelFallbackChain, modelFallbackChain } from './fallback-chain.js';
import type { Delta } from './text-model.js';

/** How long a language model may keep its caller waiting. All in milliseconds; `Infinity`: no limit. */
export interface ResilienceTimeouts {
  /** All models and attempts together: to the whole answer, or to the first content of a stream. Default: 300 000. */
  readonly totalMs?: number | undefined;
  /** One attempt at a whole answer. Default: 120 000. */
  readonly generateMs?: number | undefined;
  /** One attempt at a stream, to its first content. Default: 60 000. */
  readonly firstContentMs?: number | undefined;
  /** From one content of a stream to the next. Default: 60 000. */
  readonly gapMs?: number | undefined;
}

/** Options of `resilience()`. */
export interface ResilienceOptions {
  /** Models that are asked in this order when the wrapped one has failed. Default: none. */
  readonly fallbacks?: readonly AiModel[] | undefined;
  /**
   * The policy of one model, by its name (`provider/model`), made once. Default: three attempts from a budget, around a
   * circuit breaker.
   */
  readonly policyFor?: ((name: string) => Policy) | undefined;
  /** After a safety filter's refusal: that is the answer, or the next model is asked. Default: `stop`. */
  readonly whenFiltered?: 'stop' | 'next' | undefined;
  readonly timeouts?: ResilienceTimeouts | undefined;
}

/** The default timeouts of `resilience()`. */
export const resilienceTimeoutDefaults: Defaults<ResilienceTimeouts> = {
  totalMs: 300_000,
  generateMs: 120_000,
  firstContentMs: 60_000,
  gapMs: 60_000,
};

/** With somebody else to ask, a longer stated wait is not waited for. */
const longestWaitMs = { alone: 60_000, withFallbacks: 5_000 };

/**
 * Makes a language model of the AI SDK resilient: retries, a circuit breaker per model, limits on time, and other
 * models in its place until the first content of a stream.
 *
 * `wrapLanguageModel({ model, middleware: resilience({ fallbacks: [other] }) })`. What fails is a `ModelError`, which
 * the AI SDK does not retry: there is one owner of retries. A stream that breaks off after its first content ends in an
 * error part. A caller's abort passes through as it is.
 *
 * @throws RangeError for a bad option.
 */
export function resilience(
  options: ResilienceOptions = {},
  runtime: Runtime = systemRuntime,
): LanguageModelMiddleware & { readonly specificationVersion: 'v3' } {
  const { fallbacks = [], whenFiltered } = options;
  const timeouts: AiTimeouts = withDefaults(resilienceTimeoutDefaults, options.timeouts ?? {});
  check(timeouts, { totalMs: positive, generateMs: positive, firstContentMs: positive, gapMs: positive });
  const policyFor = options.policyFor ?? defaultPolicyFor(fallbacks.length === 0 ? 'alone' : 'withFallbacks', runtime);
  /** One middleware may wrap several models; each has its own chain, and its own breakers. */
  const chains = new WeakMap<AiModel, ModelFallbackChain>();

  function chainOf(model: AiModel): ModelFallbackChain {
    let chain = chains.get(model);
    if (chain === undefined) {
      // A model with nobody beside it is left alone while its breaker is open.
      const whenAllUnhealthy = fallbacks.length === 0 ? 'fail' : 'try_least_bad';
      chain = modelFallbackChain({ policyFor, whenFiltered, whenAllUnhealthy, resume: 'off' }, runtime);
      const text = (one: AiModel): ReturnType<typeof aiTextModel> => aiTextModel(one, timeouts, runtime);
      chain.addPrimaryModel(text(model), nameOf(model));
      for (const [index, other] of fallbacks.entries()) {
        const taken = chain.models.some(({ name }) => name === nameOf(other));
        chain.addFallbackModel(text(other), taken ? `${nameOf(other)}#${index + 2}` : nameOf(other), index + 1);
      }
      chains.set(model, chain);
    }
    return chain;
  }

  /**
   * Limits all attempts together, until `ask` has brought something. It is no deadline: within one, a retry would wait
   * for a breaker to close, and the next model would not be asked.
   */
  async function inTime<T>(ask: (context: CallContext) => Promise<T>): Promise<T> {
    const { totalMs } = timeouts;
    const context = abortable(createContext({}, runtime));
    const timer = runtime.clock.after(totalMs, () => {
      context.abort(new InferenceTimeoutError(totalMs, { details: { phase: 'total' } }));
    });
    try {
      return await ask(context);
    } catch (error) {
      throw theOnly(error);
    } finally {
      timer.cancel();
    }
  }

  return {
    specificationVersion: 'v3',
    async wrapGenerate({ model, params }) {
      const { raw } = await inTime((context) => {
        return chainOf(model).generateWithFallback(asInput(params), { signal: params.abortSignal, context });
      });
      return raw as unknown as AiGeneration;
    },
    async wrapStream({ model, params }) {
      const { stream } = await inTime((context) => {
        return chainOf(model).streamWithFallback(asInput(params), { signal: params.abortSignal, context });
      });
      const batches = stream[Symbol.asyncIterator]();
      const first = (await batches.next()).value as Delta;
      const { result, parts } = first.raw as unknown as Required<Batch>;
      return { ...result, stream: partStream(parts, batches, params.abortSignal) };
    },
  };
}

function nameOf({ provider, modelId }: AiModel): string {
  return `${provider}/${modelId}`;
}

function defaultPolicyFor(company: keyof typeof longestWaitMs, runtime: Runtime): (name: string) => Policy {
  return (name) =>
    pipeline(
      retry({ attempts: 3, maxDelayMs: longestWaitMs[company], budget: retryBudget({}, runtime) }, runtime),
      circuitBreaker({ name, consecutive: 5, cooldownMs: 2_000, maxCooldownMs: 30_000 }, runtime),
    );
}

/** Where there was one model, its failure is the failure. */
function theOnly(error: unknown): unknown {
  if (!ModelError.isInstance(error) || !(error.cause instanceof AggregateError)) return error;
  const [only, ...others] = error.cause.errors as readonly unknown[];
  if (others.length > 0 || !ModelError.isInstance(only)) return error;
  only.attempts = error.attempts;
  return only;
}
