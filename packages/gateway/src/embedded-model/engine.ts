import type { EngineFacts, Sampling, Turn } from './protocol.js';

/** A loaded model, whichever program runs it. One generation at a time. */
export interface Engine extends EngineFacts {
  /** The prompt as the model will read it: chat template included, and no text of a turn taken for a control token. */
  encode(turns: readonly Turn[]): readonly number[];
  /** The tokens of an answer, until the model ends it. Other work gets its turn between two tokens. */
  generate(prompt: readonly number[], options: TokenOptions): AsyncIterable<number>;
  /** Turns the tokens of one answer into text. */
  decoder(): Decoder;
}

export interface TokenOptions {
  readonly sampling: Sampling;
  /** Heard between two tokens, and between two pieces of a long prompt. */
  readonly signal: AbortSignal;
}

export interface Decoder {
  /** The text that is complete with this token: nothing while a character is not. */
  push(token: number): string;
  /** What is left. A character that never became complete is U+FFFD. */
  end(): string;
}
