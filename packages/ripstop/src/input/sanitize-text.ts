/** Text from outside: without what cannot be seen, neither empty nor too long. */
import { assertCount, assertOneOf, type Defaults, withDefaults } from '../call/options.js';
import { type HiddenChoice, refusal, withoutHidden } from './hidden-scan.js';

/** How long a text may be, and what becomes of each class of characters that cannot be seen. */
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
 * A text that is too long is refused, never cut, and not read much further than its first character too many; the blanks
 * around it and what is taken out do not count.
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
const classes = ['controls', 'loneSurrogates', 'bidi', 'zeroWidth', 'tags'] as const;

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
