import { numbersField, textField, textsField } from '../gguf/fields.js';
import type { GgufHeader } from '../gguf/gguf.js';
import { unusableFile } from '../gguf/unusable-file.js';
import { type Merge, MergeQueue } from './merge-queue.js';

/** Kinds of tokens in GGUF (`tokenizer.ggml.token_type`). */
const kind = { normal: 1, control: 3, userDefined: 4, byte: 6 } as const;
/** How SentencePiece writes a space. */
const spaceMark = '\u2581';
const loneSurrogate = /\p{Surrogate}/gu;

/** A link in the list of what the text is made of so far. One that was merged into its left neighbour is empty. */
interface Part {
  text: string;
  previous: number;
  next: number;
}

/**
 * A SentencePiece BPE tokenizer with byte fallback, out of the tables in a GGUF file.
 *
 * Text only ever becomes ordinary pieces and bytes: a control token such as `<|im_start|>` written in it stays text.
 *
 * Sources: T. Kudo and J. Richardson, SentencePiece (2018); R. Sennrich et al., Neural Machine Translation of Rare
 * Words with Subword Units (2016).
 */
export class Tokenizer {
  /** UTF-16 units that one token can stand for at most: a text of `n` units has at least `n / maxTokenLength` tokens. */
  readonly maxTokenLength: number;
  private readonly texts: readonly string[];
  private readonly kinds: readonly number[];
  private readonly scores: readonly number[];
  private readonly pieces = new Map<string, number>();
  private readonly controls = new Map<string, number>();
  /** The token of each byte. */
  private readonly bytes = Array.from({ length: 256 }, () => -1);
  private readonly decoded: readonly Uint8Array[];

  /** @throws ModelLoadingError where the tables are missing, disagree, or are of another kind of tokenizer. */
  constructor(header: GgufHeader) {
    const model = textField(header, 'tokenizer.ggml.model');
    if (model !== 'llama') throw unusableFile(`the built-in interpreter does not know the tokenizer ${model}`);
    this.texts = textsField(header, 'tokenizer.ggml.tokens');
    this.scores = numbersField(header, 'tokenizer.ggml.scores', this.texts.length);
    this.kinds = numbersField(header, 'tokenizer.ggml.token_type', this.texts.length);
    this.texts.forEach((text, token) => this.register(text, token));
    if (this.bytes.includes(-1)) throw unusableFile('its tokenizer cannot write every byte');
    this.maxTokenLength = Math.max(1, ...[...this.pieces.keys()].map(({ length }) => length));
    this.decoded = this.texts.map((text, token) => this.bytesOf(text, token));
  }

  /** The tokens of a text. */
  encode(text: string): number[] {
    const parts = this.split(text);
    const queue = new MergeQueue();
    for (let right = 1; right < parts.length; right += 1) this.offer(queue, parts, right - 1);
    for (let merge = queue.pop(); merge !== undefined; merge = queue.pop()) this.apply(merge, parts, queue);

    const tokens: number[] = [];
    for (let at = 0; at !== -1 && at < parts.length; at = parts[at].next) this.write(parts[at].text, tokens);
    return tokens;
  }

  /** The number of a control token, by its name. */
  control(name: string): number {
    const token = this.controls.get(name);
    if (token === undefined) throw unusableFile(`its tokenizer has no token ${name}`);
    return token;
  }

  /** The UTF-8 bytes that a token stands for: none for a control token, and perhaps a part of a character. */
  decode(token: number): Uint8Array {
    return this.decoded[token];
  }

  private register(text: string, token: number): void {
    switch (this.kinds[token]) {
      case kind.normal:
      case kind.userDefined:
        this.pieces.set(text, token);
        break;
      case kind.byte: {
        const byte = Number.parseInt(text.slice(3, 5), 16);
        if (!(byte >= 0)) throw unusableFile('its tokenizer has a byte token that names no byte');
        this.bytes[byte] = token;
        break;
      }
      default:
        this.controls.set(text, token);
    }
  }

  /** One part for each character. A lone surrogate cannot be UTF-8 and becomes U+FFFD. */
  private split(text: string): Part[] {
    const characters = Array.from(text.replaceAll(loneSurrogate, '\uFFFD').replaceAll(' ', spaceMark));
    return characters.map((character, at) => ({
      text: character,
      previous: at - 1,
      next: at + 1 < characters.length ? at + 1 : -1,
    }));
  }

  private offer(queue: MergeQueue, parts: readonly Part[], left: number): void {
    const right = left === -1 ? -1 : parts[left].next;
    if (right === -1) return;
    const joined = parts[left].text + parts[right].text;
    const token = this.pieces.get(joined);
    if (token !== undefined) queue.push({ left, right, score: this.scores[token], length: joined.length });
  }

  private apply({ left, right, length }: Merge, parts: readonly Part[], queue: MergeQueue): void {
    const first = parts[left];
    const second = parts[right];
    if (first.text === '' || second.text === '' || first.text.length + second.text.length !== length) return;
    first.text += second.text;
    second.text = '';
    first.next = second.next;
    if (second.next !== -1) parts[second.next].previous = left;
    this.offer(queue, parts, first.previous);
    this.offer(queue, parts, left);
  }

  private write(text: string, tokens: number[]): void {
    const token = this.pieces.get(text);
    if (token !== undefined) tokens.push(token);
    else for (const byte of Buffer.from(text, 'utf8')) tokens.push(this.bytes[byte]);
  }

  private bytesOf(text: string, token: number): Uint8Array {
    switch (this.kinds[token]) {
      case kind.normal:
      case kind.userDefined:
        return Buffer.from(text.replaceAll(spaceMark, ' '), 'utf8');
      case kind.byte:
        return Uint8Array.of(Number.parseInt(text.slice(3, 5), 16));
      default:
        return new Uint8Array();
    }
  }
}
