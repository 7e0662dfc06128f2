/** One pass over a text that takes out what cannot be seen and counts what is left. */
import { InvalidInputError } from '../errors/input-errors.js';
import type { PublicDetails } from '../errors/model-error.js';
import {
  flagLengthAt,
  type HiddenClass,
  hiddenClass,
  needsCare,
  rightToLeftLetters,
  type Readable,
  type Surroundings,
} from './hidden-characters.js';

/** What is done with the characters of a class: they are taken out, the text is refused, or they stay. */
export type HiddenChoice = 'remove' | 'refuse' | 'keep';

export type ScanOptions = Readonly<Record<HiddenClass, HiddenChoice>> & {
  /** In code points, without the blanks around the text. */
  readonly maxLength: number;
};

/** How much is looked at in one go: a text that is too long is refused at most so many UTF-16 units later. */
const pieceLength = 1_024;

/**
 * The text without its hidden characters, untrimmed.
 *
 * @throws InvalidInputError 400: it is too long, or has characters that are to be refused.
 */
export function withoutHidden(text: Readable, options: ScanOptions): string {
  const scan = new Scan(text, options);
  const kept: string[] = [];
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + pieceLength, text.length);
    // No pair of surrogates is taken apart.
    if ((text.codePointAt(to - 1) ?? 0) > 0xffff) to += 1;
    kept.push(scan.next(from, to));
    from = to;
  }
  return kept.join('');
}

export function refusal(reason: string, message: string, facts: PublicDetails = {}): InvalidInputError {
  return new InvalidInputError(message, { details: { reason, ...facts } });
}

const blackFlag = 0x1f3f4;
const joiner = 0x200d;
const blank = /\s/;
const names: Readonly<Record<HiddenClass, string>> = {
  controls: 'control characters',
  loneSurrogates: 'lone surrogates',
  bidi: 'bidirectional controls',
  zeroWidth: 'zero-width characters',
  tags: 'tag characters',
};

class Scan implements Surroundings {
  before = 0;
  after: number | undefined = undefined;
  rightToLeft = false;
  inFlag = false;
  private readonly text: Readable;
  private readonly options: ScanOptions;
  private flagEnd = 0;
  /** Code points from the first that is not blank to the last. */
  private length = 0;
  /** Blanks after that one. */
  private blanks = 0;

  constructor(text: Readable, options: ScanOptions) {
    this.text = text;
    this.options = options;
  }

  /** What is kept of the next piece. */
  next(from: number, to: number): string {
    const piece = this.text.slice(from, to);
    if (needsCare.test(piece)) return this.keptOf(from, to);
    this.countPlain(piece);
    this.before = piece.charCodeAt(piece.length - 1);
    this.rightToLeft ||= rightToLeftLetters.test(piece);
    return piece;
  }

  private keptOf(start: number, end: number): string {
    const kept: string[] = [];
    let from = start;
    for (let at = start; at < end; ) {
      const code = this.text.codePointAt(at) as number;
      const next = at + (code > 0xffff ? 2 : 1);
      const choice = this.choice(code, at, next);
      if (choice === 'keep') {
        this.count(code);
        this.before = code;
        if (code > 0x500) this.rightToLeft ||= rightToLeftLetters.test(String.fromCodePoint(code));
      } else {
        if (at > from) kept.push(this.text.slice(from, at));
        from = next;
      }
      at = next;
    }
    if (end > from) kept.push(this.text.slice(from, end));
    return kept.join('');
  }

  private choice(code: number, at: number, next: number): HiddenChoice {
    if (code >= 0x20 && code < 0x7f) return 'keep';
    if (code === blackFlag) this.flagEnd = at + flagLengthAt(this.text, at);
    this.inFlag = at < this.flagEnd;
    this.after = code === joiner ? this.text.codePointAt(next) : undefined;
    const hidden = hiddenClass(code, this);
    if (hidden === undefined) return 'keep';
    if (this.options[hidden] !== 'refuse') return this.options[hidden];
    throw refusal('hidden_characters', `Input text contains ${names[hidden]}, which are not allowed`, {
      class: hidden,
    });
  }

  private count(code: number): void {
    if (!isBlank(code)) this.grow(1);
    else if (this.length > 0) this.blanks += 1;
  }

  /** A piece without surrogates: its units are its code points. */
  private countPlain(piece: string): void {
    const leading = this.length === 0 ? piece.length - piece.trimStart().length : 0;
    const seen = piece.trimEnd().length;
    if (seen > 0) this.grow(seen - leading);
    if (this.length > 0) this.blanks += piece.length - seen;
  }

  /** The blanks before what can be seen count as well. */
  private grow(seen: number): void {
    const { maxLength } = this.options;
    this.length += this.blanks + seen;
    this.blanks = 0;
    if (this.length <= maxLength) return;
    throw refusal('too_long', `Input text too long (max ${maxLength} characters)`, { max_length: maxLength });
  }
}

/** What `trim` takes for blank. */
function isBlank(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return blank.test(String.fromCodePoint(code));
}
