/** Text from outside: without what cannot be seen, neither empty nor too long. */
import { assertCount, assertOneOf, type Defaults, withDefaults } from '../call/options.js';
import { InvalidInputError } from '../errors/input-errors.js';
import type { PublicDetails } from '../errors/model-error.js';
import { flagLengthAt, type HiddenClass, hiddenClass, isRightToLeft, type Readable } from './hidden-characters.js';

/** What is done with the characters of a class: they are taken out, the text is refused, or they stay. */
export type HiddenChoice = 'remove' | 'refuse' | 'keep';

export interface SanitizeTextOptions {
  /** The longest text, in code points, without the blanks around it. Default: 10 000. */
  readonly maxLength?: number;
  /** C0 controls except tab, line feed and carriage return, DEL, and C1 controls. Default: `remove`. */
  readonly controls?: HiddenChoice;
  /** Halves of a character beyond U+FFFF. They cannot be sent as UTF-8, so they cannot be kept. Default: `remove`. */
  readonly loneSurrogates?: Exclude<HiddenChoice, 'keep'>;
  /**
   * Embeddings, overrides and isolates, which show a text in another order than a model reads it, and direction marks
   * where no letter from right to left comes before. Default: `remove`.
   */
  readonly bidi?: HiddenChoice;
  /**
   * Characters without a width, the soft hyphen among them. A joiner stays where it shapes letters (Persian, Hindi, …) or
   * ties emoji. Default: `remove`.
   */
  readonly zeroWidth?: HiddenChoice;
  /**
   * Tag characters, and variation selectors where they vary nothing: both can carry a hidden message. The flags of
   * England, Scotland and Wales stay. Default: `remove`.
   */
  readonly tags?: HiddenChoice;
  /** `NFC`: letters and their marks are joined where Unicode has a character for both. Default: `none`. */
  readonly normalize?: 'none' | 'NFC';
}

/** What `sanitizeText` does where its options say nothing. */
export const sanitizeTextDefaults: Defaults<SanitizeTextOptions> = {
  maxLength: 10_000,
  controls: 'remove',
  loneSurrogates: 'remove',
  bidi: 'remove',
  zeroWidth: 'remove',
  tags: 'remove',
  normalize: 'none',
};

/**
 * The text without hidden characters and without blanks around it. What comes out of it goes through it unchanged.
 *
 * A text that is too long is refused, never cut, as soon as its first character too many has been read; the blanks around
 * it and what is taken out do not count.
 *
 * @throws InvalidInputError 400: not a string, too long, empty (or with nothing in it that can be seen), or with
 * characters that are to be refused; `details.reason` tells these apart. The message never repeats the text.
 */
export function sanitizeText(text: unknown, options: SanitizeTextOptions = {}): string {
  if (typeof text !== 'string') throw refusal('not_text', 'Input must be text');
  const checked = checkedOptions(options);
  const clean = (checked.normalize === 'NFC' ? composed(text, checked) : withoutHidden(text, checked)).trim();
  if (!visible.test(clean)) throw refusal('empty', 'Input text cannot be empty');
  return clean;
}

type Checked = Defaults<SanitizeTextOptions>;

const visible = /[^\s\p{Default_Ignorable_Code_Point}]/u;
const blank = /\s/;
const classes = ['controls', 'loneSurrogates', 'bidi', 'zeroWidth', 'tags'] as const;
const names: Readonly<Record<HiddenClass, string>> = {
  controls: 'control characters',
  loneSurrogates: 'lone surrogates',
  bidi: 'bidirectional controls',
  zeroWidth: 'zero-width characters',
  tags: 'tag characters',
};

function checkedOptions(options: SanitizeTextOptions): Checked {
  const checked = withDefaults(sanitizeTextDefaults, options);
  assertCount('maxLength', checked.maxLength);
  for (const name of classes) {
    assertOneOf(name, checked[name], name === 'loneSurrogates' ? ['remove', 'refuse'] : ['remove', 'refuse', 'keep']);
  }
  assertOneOf('normalize', checked.normalize, ['none', 'NFC']);
  return checked;
}

/** No character in NFC is made of more than four: a longer text is too long whatever becomes of it. */
const mostDecomposed = 4;

function composed(text: string, options: Checked): string {
  let clean = withoutHidden(text, { ...options, maxLength: options.maxLength * mostDecomposed });
  // A joiner or selector may stand after another character than before, so what was composed is looked at again.
  for (let next = clean.normalize('NFC'); next !== clean; next = clean.normalize('NFC')) {
    clean = withoutHidden(next, options);
  }
  return withoutHidden(clean, options);
}

/**
 * The text without its hidden characters, untrimmed: one pass over it, which ends at the first character too many.
 */
export function withoutHidden(text: Readable, options: Checked): string {
  const kept: string[] = [];
  const length = trimmedLength(options.maxLength);
  const around = { before: 0, after: undefined as number | undefined, rightToLeft: false, inFlag: false };
  let from = 0;
  let flagEnd = 0;
  for (let at = 0; at < text.length; ) {
    const code = text.codePointAt(at) as number;
    const next = at + (code > 0xffff ? 2 : 1);
    if (code === blackFlag) flagEnd = at + flagLengthAt(text, at);
    around.inFlag = at < flagEnd;
    around.after = code === joiner ? text.codePointAt(next) : undefined;
    const hidden = code >= 0x20 && code < 0x7f ? undefined : hiddenClass(code, around);
    if (hidden === undefined || options[hidden] === 'keep') {
      length.add(code);
      around.before = code;
      around.rightToLeft ||= isRightToLeft(code);
    } else if (options[hidden] === 'refuse') {
      throw refused(hidden);
    } else {
      if (at > from) kept.push(text.slice(from, at));
      from = next;
    }
    at = next;
  }
  kept.push(text.slice(from, text.length));
  return kept.join('');
}

const blackFlag = 0x1f3f4;
const joiner = 0x200d;

/** Counts code points without the blanks around them, and refuses the first too many. */
function trimmedLength(maxLength: number): { add(code: number): void } {
  let length = 0;
  let blanks = 0;
  return {
    add: (code) => {
      if (isBlank(code)) {
        if (length > 0) blanks += 1;
        return;
      }
      length += blanks + 1;
      blanks = 0;
      if (length > maxLength) {
        throw refusal('too_long', `Input text too long (max ${maxLength} characters)`, { max_length: maxLength });
      }
    },
  };
}

/** What `trim` takes for blank. */
function isBlank(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return blank.test(String.fromCodePoint(code));
}

function refused(hidden: HiddenClass): InvalidInputError {
  return refusal('hidden_characters', `Input text contains ${names[hidden]}, which are not allowed`, { class: hidden });
}

function refusal(reason: string, message: string, facts: PublicDetails = {}): InvalidInputError {
  return new InvalidInputError(message, { details: { reason, ...facts } });
}
