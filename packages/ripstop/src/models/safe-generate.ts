import type { CallContext } from '../call/call.js';
import { assertCount, assertNotNegative, badOption, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { ContextLengthError } from '../errors/input-errors.js';
import { OutOfMemoryError } from '../errors/upstream-errors.js';
import { timeout } from '../policies/timeout.js';
import { type MemoryUse, memoryShortage } from './memory-check.js';
import { modelFailure } from './model-failure.js';
import { asGeneration, openStream } from './open-stream.js';
import type { ChatRequest, Delta, GenerateOptions, Generation, TextModel } from './text-model.js';
import { estimateTokens } from './token-estimate.js';

/** A model in our own process or next to it, which can tell of its memory. */
export interface LocalTextModel extends TextModel {
  /** What is in use and what there is, in bytes. Undefined where it cannot be told. */
  memory?(): MemoryUse | undefined | PromiseLike<MemoryUse | undefined>;
  /** Gives back what was kept for speed. Called after memory ran out, before the one retry. */
  clearCache?(): void | PromiseLike<void>;
}

/** Options of `safeGenerate()`. */
export interface SafeGenerateOptions extends GenerateOptions {
  /** Default: what the request says, else 100. */
  readonly maxTokens?: number | undefined;
  /** Default: what the request says, else 0.7. */
  readonly temperature?: number | undefined;
  /** The time for everything, the retry included, in milliseconds. Default: 30 000. */
  readonly timeoutMs?: number | undefined;
  /** The call that this one is a part of. */
  readonly context?: CallContext | undefined;
}

type Settings = Defaults<SafeGenerateOptions, 'maxTokens' | 'temperature' | 'timeoutMs'>;

/** The defaults of `safeGenerate()` (R95). */
export const safeGenerateDefaults: Settings = { maxTokens: 100, temperature: 0.7, timeoutMs: 30_000 };

/** The guide's keys (R99). */
export interface SafeGeneration {
  readonly generated_text: string;
  /** As the model counted them, where it can; else as it reported them; else an estimate. */
  readonly input_tokens: number;
  readonly success: true;
  /** What the caller should know about the answer. */
  readonly warning?: string;
}

const reducedWarning = 'Reduced max_tokens due to memory constraints';

/**
 * Asks a model for text, and fails only in ways that can be handled.
 *
 * Before: input and output must fit the window, and memory must be left. During: one limit on everything, at which the
 * work itself is told to stop. Should memory run out, the cache is cleared and half as much is asked for, once. After:
 * a typed error passes as it is, and anything else is what it means, or a generation that failed.
 *
 * @throws ContextLengthError, OutOfMemoryError, InferenceTimeoutError, and whatever the model's failure means; a
 * caller's abort reason as it is. RangeError for a bad option.
 */
export async function safeGenerate(
  model: LocalTextModel,
  input: string | ChatRequest,
  options: SafeGenerateOptions = {},
  runtime: Runtime = systemRuntime,
): Promise<SafeGeneration> {
  const settings = settingsOf(input, options);
  const work = async (attempt: CallContext): Promise<SafeGeneration> => {
    try {
      const count = await checked(model, input, settings.maxTokens);
      const { text, usage, warning } = await generated(model, input, settings, attempt);
      return {
        generated_text: text,
        input_tokens: count.exact ?? usage?.inputTokens ?? count.estimate,
        success: true,
        ...(warning === undefined ? {} : { warning }),
      };
    } catch (error) {
      throw modelFailure(error);
    }
  };
  return await timeout({ limitMs: settings.timeoutMs }, runtime).execute(work, scopeOf(options));
}

/**
 * The same as a stream: checked before it begins, under one limit until it ends. Memory that runs out ends it: what
 * has been said cannot be said again shorter. A model that cannot stream answers in one piece.
 *
 * @throws as `safeGenerate`. After the first content, what is no typed error is the cause of a StreamInterruptedError.
 */
export async function* safeGenerateStream(
  model: LocalTextModel,
  input: string | ChatRequest,
  options: SafeGenerateOptions = {},
  runtime: Runtime = systemRuntime,
): AsyncGenerator<Delta, void, undefined> {
  const settings = settingsOf(input, options);
  const work = async (attempt: CallContext): Promise<AsyncIterable<Delta>> => {
    try {
      await checked(model, input, settings.maxTokens);
      return await openStream(model, input, callOptions(settings, attempt));
    } catch (error) {
      throw modelFailure(error);
    }
  };
  yield* await timeout({ limitMs: settings.timeoutMs }, runtime).execute(work, scopeOf(options));
}

function settingsOf(input: string | ChatRequest, options: SafeGenerateOptions): Settings {
  const request = typeof input === 'string' ? {} : input;
  const { max_completion_tokens: newer, max_tokens: older, temperature } = request as Readonly<Record<string, unknown>>;
  const asked: SafeGenerateOptions = {
    ...options,
    maxTokens: options.maxTokens ?? numberOf(newer) ?? numberOf(older),
    temperature: options.temperature ?? numberOf(temperature),
    correlationId: options.correlationId ?? options.context?.correlationId,
  };
  const settings = withDefaults(safeGenerateDefaults, asked);
  if (settings.maxTokens === Number.POSITIVE_INFINITY)
    throw badOption('maxTokens', 'must be finite', settings.maxTokens);
  assertCount('maxTokens', settings.maxTokens);
  assertNotNegative('temperature', settings.temperature);
  return settings;
}

function scopeOf({ signal, context }: SafeGenerateOptions): Pick<SafeGenerateOptions, 'signal' | 'context'> {
  return { signal, context };
}

function callOptions(
  { timeoutMs: _timeoutMs, context: _context, ...options }: Settings,
  attempt: CallContext,
): GenerateOptions {
  return { ...options, signal: attempt.signal };
}

interface TokenCount {
  /** Undefined where the model cannot count. */
  readonly exact: number | undefined;
  readonly estimate: number;
}

/** @throws ContextLengthError, OutOfMemoryError */
async function checked(model: LocalTextModel, input: string | ChatRequest, maxTokens: number): Promise<TokenCount> {
  const exact = await model.countTokens?.(input);
  const estimate = exact ?? estimateTokens(input);
  const { contextLength } = model;
  if (contextLength !== undefined && estimate + maxTokens > contextLength) {
    const left = contextLength - estimate;
    throw new ContextLengthError({
      // Where the input alone would fit, it is the sum that does not.
      inputLength: left > 0 ? estimate + maxTokens : estimate,
      maxLength: contextLength,
      details: left > 0 ? { input_tokens: estimate, max_tokens: maxTokens, max_tokens_left: left } : {},
    });
  }
  const shortage = memoryShortage(await model.memory?.());
  if (shortage !== undefined) throw shortage;
  return { exact, estimate };
}

async function generated(
  model: LocalTextModel,
  input: string | ChatRequest,
  settings: Settings,
  attempt: CallContext,
): Promise<Generation & { readonly warning?: string }> {
  try {
    return asGeneration(await model.generate(input, callOptions(settings, attempt)));
  } catch (error) {
    const failure = modelFailure(error);
    if (attempt.aborted || !OutOfMemoryError.isInstance(failure)) throw failure;
  }
  const maxTokens = Math.max(1, Math.floor(settings.maxTokens / 2));
  attempt.emit({ type: 'generation.reduced', maxTokens });
  await model.clearCache?.();
  if (attempt.aborted) throw attempt.reason;
  const reduced = await model.generate(input, callOptions({ ...settings, maxTokens }, attempt));
  return { ...asGeneration(reduced), warning: reducedWarning };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
