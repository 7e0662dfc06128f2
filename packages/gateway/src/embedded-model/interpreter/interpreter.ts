import { setImmediate as otherWork } from 'node:timers/promises';
import { chatmlPrompt } from '../chatml.js';
import type { Decoder, Engine, TokenOptions } from '../engine.js';
import { textField } from '../gguf/fields.js';
import { readGguf } from '../gguf/read-file.js';
import { unusableFile } from '../gguf/unusable-file.js';
import type { EngineSpec, Turn } from '../protocol.js';
import { Llama } from './llama.js';
import { llamaWeights } from './llama-weights.js';
import { sampler } from './sampler.js';
import { Tokenizer } from './tokenizer.js';

/** Beyond this a model in plain JavaScript answers too slowly to be of use. */
const maxFileBytes = 64 * 1024 * 1024;
/** Tokens of a prompt between two looks at the rest of the world. */
const promptPiece = 4;

/**
 * The built-in engine: it needs nothing but Node, and reads small Llama models with a SentencePiece tokenizer, ChatML
 * and F32, F16 or Q8_0 weights.
 *
 * @throws ModelLoadingError for a file that is damaged or of another kind.
 */
export function openInterpreter({ file, note }: EngineSpec): Engine {
  const { header, bytes, size } = readGguf(file, maxFileBytes);
  if (size > maxFileBytes)
    throw unusableFile('it is too large for the built-in interpreter; node-llama-cpp can run it');
  if (!textField(header, 'tokenizer.chat_template').includes('<|im_start|>')) {
    throw unusableFile('the built-in interpreter speaks ChatML only; node-llama-cpp reads any chat template');
  }
  const weights = llamaWeights(header, bytes);
  const tokenizer = new Tokenizer(header);
  const reader = new PromptReader(new Llama(weights));
  const start = tokenizer.control('<s>');
  const ends = new Set([tokenizer.control('<|im_end|>'), tokenizer.control('</s>')]);
  const { contextLength } = weights.shape;
  return {
    runtime: 'interpreter',
    contextLength,
    maxTokenLength: tokenizer.maxTokenLength,
    note,
    encode: (turns) => [start, ...encodeTurns(tokenizer, turns)],
    decoder: () => utf8Decoder(tokenizer),
    async *generate(prompt, { sampling, signal }: TokenOptions) {
      const choose = sampler(sampling);
      await reader.readPrompt(prompt, signal);
      while (!signal.aborted) {
        const token = choose(reader.logits());
        if (ends.has(token)) return;
        yield token;
        await otherWork();
        if (reader.length === contextLength) return;
        if (!signal.aborted) reader.read(token);
      }
    },
  };
}

/** The network and what it has read. A prompt that begins as the last one did is read from where they part. */
class PromptReader {
  private readonly llama: Llama;
  /** The tokens whose keys and values are in the cache. */
  private readonly known: number[] = [];

  constructor(llama: Llama) {
    this.llama = llama;
  }

  get length(): number {
    return this.known.length;
  }

  read(token: number): void {
    this.llama.forward(token, this.known.length);
    this.known.push(token);
  }

  logits(): Float32Array {
    return this.llama.logits();
  }

  async readPrompt(prompt: readonly number[], signal: AbortSignal): Promise<void> {
    const { known } = this;
    const parting = prompt.findIndex((token, at) => token !== known[at]);
    // The last token is always read again: the logits come from it.
    known.length = Math.min(parting === -1 ? prompt.length : parting, prompt.length - 1);
    while (known.length < prompt.length && !signal.aborted) {
      this.read(prompt[known.length]);
      if (known.length % promptPiece === 0) await otherWork();
    }
  }
}

function encodeTurns(tokenizer: Tokenizer, turns: readonly Turn[]): number[] {
  return chatmlPrompt(turns).flatMap((piece) => {
    return 'control' in piece ? [tokenizer.control(piece.control)] : tokenizer.encode(piece.text);
  });
}

function utf8Decoder(tokenizer: Tokenizer): Decoder {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return {
    push: (token) => decoder.decode(tokenizer.decode(token), { stream: true }),
    end: () => decoder.decode(),
  };
}
