import { abortable } from '../call/attempt.js';
import type { CallContext } from '../call/call.js';
import { assertNotNegative, assertOneOf, badOption, type Defaults, withDefaults } from '../call/options.js';
import { createContext } from '../call/root-scope.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import type { AttemptReport } from '../errors/model-error.js';
import { type CircuitBreaker, type CircuitBreakerOptions, circuitBreaker } from '../policies/circuit-breaker.js';
import type { Policy } from '../policies/policy.js';
import { answered, type FallbackStream, resumed, unresumed, usedBy } from './chain-answer.js';
import type { Answer, Ask, Member, Work } from './fallback-member.js';
import { walk } from './fallback-walk.js';
import type { ChainHedge } from './hedged-walk.js';
import { asGeneration, openStream } from './open-stream.js';
import type { ResumeWork } from './resume.js';
import { asksForPlainText, type Prefill, tokensAsked } from './resume-request.js';
import type { ChatRequest, GenerateOptions, TextModel, TextResult, Usage } from './text-model.js';

/** Options of `modelFallbackChain()`. */
export interface FallbackChainOptions {
  /** The breaker that each model gets which brings no policy. Default: 4 failures in a row, 5 minutes (R120). */
  readonly breaker?: Omit<CircuitBreakerOptions, 'name'> | undefined;
  /** The policy under which a model is called, in place of a breaker alone: retry, breaker, timeout. Default: none. */
  readonly policyFor?: ((name: string) => Policy | undefined) | undefined;
  /**
   * With every breaker open: try the one that has the least to wait, at most once a second while that fails, or fail at
   * once. Default: `try_least_bad`.
   */
  readonly whenAllUnhealthy?: 'try_least_bad' | 'fail' | undefined;
  /**
   * With every breaker open one call at a time tries the least bad model. How long the others wait for what comes of it,
   * in milliseconds, before they fail; never longer than their deadline. Default: 0.
   */
  readonly trialWaitMs?: number | undefined;
  /** After a safety filter's refusal: that is the answer, or the next model is asked. Default: `stop`. */
  readonly whenFiltered?: 'stop' | 'next' | undefined;
  /**
   * After a stream broke off: another model says the rest of a plain text, or the stream ends in its error. Only plain
   * text is resumed: no tools, no response format, no log probabilities, one choice. Default: `plain_text`.
   */
  readonly resume?: 'plain_text' | 'off' | undefined;
  /** When the next model is asked beside one whose stream has no content yet; whoever speaks first is heard. Default: never. */
  readonly hedge?: ChainHedge | undefined;
}

const breakerDefaults: CircuitBreakerOptions = { consecutive: 4, cooldownMs: 300_000 };

/** The defaults of `modelFallbackChain()`. */
export const fallbackChainDefaults: Defaults<
  FallbackChainOptions,
  Exclude<keyof FallbackChainOptions, 'policyFor' | 'hedge'>
> = {
  breaker: breakerDefaults,
  whenAllUnhealthy: 'try_least_bad',
  trialWaitMs: 0,
  whenFiltered: 'stop',
  resume: 'plain_text',
};

/** How one model of a chain is called. */
export interface ChainModelOptions {
  /** The policy under which this model is called, in place of the chain's. */
  readonly policy?: Policy | undefined;
  /** The breaker inside that policy, for its state, and to be closed by a trial that went well. Default: not known. */
  readonly breaker?: CircuitBreaker | undefined;
  /** What the one call goes through that is made although the breaker is open, as nobody else is left. Default: nothing. */
  readonly forced?: Policy | undefined;
  /** How it is asked to go on from a text, as `assistantPrefill` does. Default: it cannot; it starts anew. */
  readonly prefill?: Prefill | undefined;
}

/** What a caller may say about one call of a chain. */
export interface ChainCallOptions extends GenerateOptions {
  /** The time for all models together, in milliseconds from now. Default: none. */
  readonly deadlineMs?: number | undefined;
  /** The call that this one is a part of. */
  readonly context?: CallContext | undefined;
  /**
   * After a model's memory ran out: the next one is asked, or before that the same one for half of the tokens, once and
   * never below 1. Only where a number of tokens was asked for. Default: `next`.
   */
  readonly whenOutOfMemory?: 'next' | 'halve' | undefined;
}

/** The guide's keys (R116), and what a gateway needs besides. */
export interface FallbackResult {
  readonly generated_text: string;
  readonly model_used: string;
  readonly was_fallback: boolean;
  readonly usage?: Usage;
  readonly finish_reason?: string;
  /** The model's own answer, where it speaks OpenAI's dialect. */
  readonly raw?: Readonly<Record<string, unknown>>;
  /** What failed before. */
  readonly attempts: readonly AttemptReport[];
  /** How many tokens were asked for, where memory had run out for more. */
  readonly reduced_max_tokens?: number;
}

/** A model of the chain, as it stands. */
export interface ChainModel {
  readonly name: string;
  readonly is_fallback: boolean;
  readonly priority: number;
  /** Of its breaker; undefined for a model under a policy of its own that brought none. */
  readonly state: CircuitBreaker['state'] | undefined;
}

/** A primary model and those that stand in for it. */
export interface ModelFallbackChain {
  /** Sets the model that is asked first; an earlier one leaves the chain. */
  addPrimaryModel(model: TextModel, name: string, options?: ChainModelOptions): ModelFallbackChain;
  /** Adds a model that is asked when those before it have failed: lower priorities first, then the older ones. */
  addFallbackModel(model: TextModel, name: string, priority?: number, options?: ChainModelOptions): ModelFallbackChain;
  /** Asks one model after the other until one answers. */
  generateWithFallback(input: string | ChatRequest, options?: ChainCallOptions): Promise<FallbackResult>;
  /** The same for a stream: settles with the first content, after which nobody else is asked. */
  streamWithFallback(input: string | ChatRequest, options?: ChainCallOptions): Promise<FallbackStream>;
  /** The models in the order in which they are asked. */
  readonly models: readonly ChainModel[];
}

/**
 * Models that stand in for each other.
 *
 * Any failure of a model leads to the next; a fault of the caller's ends the call, except that an input which is too
 * long may still fit a model that declares a larger window. A breaker per model leaves out, at no cost, those that have
 * kept failing. One deadline holds for all. A stream that breaks off after its first content is resumed where that can
 * be done without a letter lost or said twice; else its failure is its reader's.
 *
 * @throws RangeError for a bad option.
 */
export function modelFallbackChain(
  options: FallbackChainOptions = {},
  runtime: Runtime = systemRuntime,
): ModelFallbackChain {
  const { policyFor, whenAllUnhealthy, trialWaitMs, whenFiltered, resume, hedge } = withDefaults(
    fallbackChainDefaults,
    options,
  );
  const breaker = withDefaults(breakerDefaults, options.breaker ?? {});
  assertOneOf('whenAllUnhealthy', whenAllUnhealthy, ['try_least_bad', 'fail']);
  assertNotNegative('trialWaitMs', trialWaitMs);
  assertOneOf('whenFiltered', whenFiltered, ['stop', 'next']);
  assertOneOf('resume', resume, ['plain_text', 'off']);
  circuitBreaker(breaker, runtime); // A bad option is refused here, and not by the first model.
  let members: readonly Member[] = [];

  function member(
    model: TextModel,
    name: string,
    place: Pick<Member, 'isFallback' | 'priority'>,
    { policy: own, breaker: inside, forced, prefill }: ChainModelOptions,
  ): Member {
    if (typeof name !== 'string' || name === '') throw badOption('name', 'must be a name', name);
    if (typeof model?.generate !== 'function') throw badOption('model', 'must have a generate function', typeof model);
    const given = own ?? policyFor?.(name);
    if (given !== undefined) return { name, model, ...place, prefill, policy: given, breaker: inside, forced };
    const made = circuitBreaker({ ...breaker, name }, runtime);
    return { name, model, ...place, prefill, policy: made, breaker: made, forced };
  }

  function ask<T>(work: Work<T>, scope: CallContext): Promise<Answer<T>> {
    if (members.length === 0) throw new RangeError('modelFallbackChain needs at least one model, got none');
    return walk(members, work, scope, { whenAllUnhealthy, trialWaitMs, whenFiltered });
  }

  const chain: ModelFallbackChain = {
    addPrimaryModel(model, name, own = {}) {
      const fallbacks = members.filter(({ isFallback }) => isFallback);
      assertUnique(name, fallbacks);
      members = [member(model, name, { isFallback: false, priority: 0 }, own), ...fallbacks];
      return chain;
    },
    addFallbackModel(model, name, priority = 1, own = {}) {
      if (!Number.isFinite(priority)) throw badOption('priority', 'must be a finite number', priority);
      assertUnique(name, members);
      const added = member(model, name, { isFallback: true, priority }, own);
      members = [...members, added].sort(
        (a, b) => Number(a.isFallback) - Number(b.isFallback) || a.priority - b.priority,
      );
      return chain;
    },
    async generateWithFallback(input, callOptions = {}) {
      const scope = createContext(callOptions, runtime);
      try {
        const generate =
          (maxTokens: number | undefined): Ask<TextResult> =>
          async (model, attempt) =>
            model.generate(input, optionsFor(model, attempt, callOptions, maxTokens));
        const answer = await ask(workOf(generate, input, callOptions), scope);
        const result = resultOf(answer);
        answered(answer, scope, { streamed: false, usage: result.usage });
        return result;
      } finally {
        scope.release();
      }
    },
    async streamWithFallback(input, callOptions = {}) {
      const scope = createContext(callOptions, runtime);
      try {
        const open: ResumeWork['open'] = (asked, limit) => (model, attempt) => {
          return openStream(model, asked, optionsFor(model, attempt, callOptions, limit));
        };
        const reading = abortable(scope);
        const present = members;
        const opening = (maxTokens: number | undefined) => open(input, maxTokens);
        const answer = await ask(workOf(opening, input, callOptions, hedge), reading);
        const maxTokens = answer.reducedMaxTokens ?? callOptions.maxTokens;
        return resume === 'plain_text' && asksForPlainText(input)
          ? resumed(answer, { members: present, input, maxTokens, scope: reading, open }, scope)
          : unresumed(answer, scope);
      } catch (error) {
        scope.release();
        throw error;
      }
    },
    get models() {
      return members.map(({ name, isFallback, priority, breaker: own }) => {
        return { name, is_fallback: isFallback, priority, state: own?.state };
      });
    },
  };
  return chain;
}

/** What is asked of each model, and of one whose memory ran out. */
function workOf<T>(
  ask: (maxTokens: number | undefined) => Ask<T>,
  input: string | ChatRequest,
  { maxTokens, whenOutOfMemory = 'next' }: ChainCallOptions,
  hedge?: ChainHedge,
): Work<T> {
  assertOneOf('whenOutOfMemory', whenOutOfMemory, ['next', 'halve']);
  const asked = whenOutOfMemory === 'halve' ? tokensAsked(input, maxTokens) : undefined;
  const fewer = asked === undefined ? undefined : Math.max(1, Math.floor(asked / 2));
  return { ask: ask(maxTokens), half: fewer === undefined ? undefined : { maxTokens: fewer, ask: ask(fewer) }, hedge };
}

function assertUnique(name: string, members: readonly Member[]): void {
  if (members.some((other) => other.name === name)) throw badOption('name', 'must be new to the chain', name);
}

function optionsFor(
  { takes }: TextModel,
  attempt: CallContext,
  callOptions: ChainCallOptions,
  maxTokens: number | undefined,
): GenerateOptions {
  const {
    deadlineMs: _deadlineMs,
    whenOutOfMemory: _whenOutOfMemory,
    signal: _signal,
    context: _context,
    correlationId: _correlationId,
    maxTokens: _maxTokens,
    ...own
  } = callOptions;
  const { correlationId } = attempt;
  // What the caller sent comes last: other members after a spread would cost a hidden class each time (V8 11).
  return takes === 'context'
    ? { context: attempt, correlationId, maxTokens, ...own }
    : { signal: attempt.signal, correlationId, maxTokens, ...own };
}

function resultOf(answer: Answer<TextResult>): FallbackResult {
  const { text, usage, finishReason, raw } = asGeneration(answer.value);
  return {
    generated_text: text,
    ...usedBy(answer),
    ...(usage === undefined ? {} : { usage }),
    ...(finishReason === undefined ? {} : { finish_reason: finishReason }),
    ...(raw === undefined ? {} : { raw }),
  };
}
