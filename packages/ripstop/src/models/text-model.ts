/** What Ripstop asks of a text model, wherever it runs. */
import type { CallContext } from '../call/call.js';

/** One message of a chat. */
export interface ChatMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly [field: string]: unknown;
}

/** An OpenAI-shaped chat request. Fields that Ripstop has no opinion on travel to the model untouched. */
export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  readonly [field: string]: unknown;
}

/** What may be asked of a model beside the input itself. */
export interface GenerateOptions {
  /** Aborts the work itself, not only the waiting for it. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The call that this one is a part of: it is aborted with that call. In place of `signal`, for models that say so
   * (`takes`): an AbortSignal costs more than the rest of a small request.
   */
  readonly context?: CallContext | undefined;
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly seed?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  /** Sent to an upstream, so that its logs and ours can be joined. */
  readonly correlationId?: string | undefined;
}

/** Tokens, as the model counted them. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** An answer, with what the model told about it. */
export interface Generation {
  readonly text: string;
  readonly usage?: Usage | undefined;
  /** OpenAI's words: `stop`, `length`, `content_filter`, `tool_calls`. */
  readonly finishReason?: string | undefined;
  /** The upstream's own answer, parsed, for callers who speak its dialect. */
  readonly raw?: Readonly<Record<string, unknown>> | undefined;
}

/** One step of a streamed answer. */
export interface Delta {
  readonly text?: string | undefined;
  readonly reasoning?: string | undefined;
  /** Tool-call fragments as the upstream sent them. */
  readonly toolCalls?: unknown;
  readonly finishReason?: string | undefined;
  readonly usage?: Usage | undefined;
  /** The upstream's own chunk, parsed. */
  readonly raw?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * A model that answers text. Only `generate` is required; it may answer a value or a promise (R164).
 *
 * `stream` fails before its first delta or ends with a `finishReason`; an answer that breaks off ends in a
 * `StreamInterruptedError`.
 */
export interface TextModel {
  generate(input: string | ChatRequest, options?: GenerateOptions): TextResult | PromiseLike<TextResult>;
  stream?(input: string | ChatRequest, options?: GenerateOptions): AsyncIterable<Delta>;
  /** Tokens of the input as the model would count them, chat template included. */
  countTokens?(input: string | ChatRequest): number | PromiseLike<number>;
  /** Tokens that input and output may have together. */
  readonly contextLength?: number | undefined;
  /** How it is told of an abort: by `signal`, or by `context`, which costs less. Default: `signal`. */
  readonly takes?: 'signal' | 'context' | undefined;
}

/** What a model may answer: the text alone, or with what it told about it. */
export type TextResult = string | Generation;
