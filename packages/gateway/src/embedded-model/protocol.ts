/** What the supervisor and the engine's process say to each other. Plain JSON over Node's IPC channel. */

/** Which program runs the model's file. */
export type EngineRuntime = 'interpreter' | 'llama.cpp';

/** What the engine's process is to run. Its first argument, as JSON. */
export interface EngineSpec {
  /** Path of the GGUF file. */
  readonly file: string;
  /** `auto`: node-llama-cpp when it is installed and loads, else the interpreter. */
  readonly runtime: EngineRuntime | 'auto';
  /** Window in tokens. Default: the file's, but at most 4 096, since its memory is taken at the start. */
  readonly contextLength?: number | undefined;
  /** Why this runtime was chosen, for `EngineFacts.note`. */
  readonly note?: string | undefined;
}

/** One message of a conversation. */
export interface Turn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly text: string;
}

export interface Sampling {
  /** 0: always the likeliest token. */
  readonly temperature: number;
  /** Keep the likeliest tokens that together have this probability. 1: all. */
  readonly topP: number;
  /** Keep this many of the likeliest tokens. 0: all. */
  readonly topK: number;
  /** The same seed gives the same text. A whole number below 2^32. */
  readonly seed: number;
}

export interface GenerationRequest extends Sampling {
  readonly turns: readonly Turn[];
  /** Default: 256, or what the window has left. */
  readonly maxTokens?: number | undefined;
  readonly stop: readonly string[];
}

export type ToEngine =
  | ({ readonly type: 'generate'; readonly id: number } & GenerationRequest)
  | { readonly type: 'count'; readonly id: number; readonly turns: readonly Turn[] }
  | { readonly type: 'cancel'; readonly id: number };

/** What is known of an engine once it has loaded. */
export interface EngineFacts {
  readonly runtime: EngineRuntime;
  readonly contextLength: number;
  /** UTF-16 units that one token can stand for at most. */
  readonly maxTokenLength: number;
  /** Why the runtime is not the one that was hoped for. */
  readonly note?: string | undefined;
}

export interface Finished {
  readonly finishReason: 'stop' | 'length' | 'cancelled';
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export interface TooLong {
  readonly inputTokens: number;
  readonly maxTokens: number;
  readonly contextLength: number;
}

export type FromEngine =
  | ({ readonly type: 'ready' } & EngineFacts)
  /** It cannot start, and says why; starting it again is not likely to help. */
  | { readonly type: 'failed'; readonly reason: string; readonly message: string }
  | { readonly type: 'heartbeat'; readonly rssMb: number }
  | { readonly type: 'text'; readonly id: number; readonly text: string }
  | ({ readonly type: 'done'; readonly id: number } & Finished)
  | { readonly type: 'counted'; readonly id: number; readonly inputTokens: number }
  /** The input and the output asked for do not fit the window. Known before any work was done. */
  | ({ readonly type: 'too_long'; readonly id: number } & TooLong)
  | { readonly type: 'error'; readonly id: number; readonly message: string };
