/** Which characters of a text cannot be seen, and which of those stand where they belong all the same. */

/** The classes that `sanitizeText` has an option for. */
export type HiddenClass = 'controls' | 'loneSurrogates' | 'bidi' | 'zeroWidth' | 'tags';

/** What stands around a character, as far as it decides. */
export interface Surroundings {
  /** The last character that was kept, as a code point; 0 at the start. */
  readonly before: number;
  /** The next one of the text; `undefined` at its end. */
  readonly after: number | undefined;
  /** A letter that is written from right to left was kept earlier. */
  readonly rightToLeft: boolean;
  /** It stands in a flag that is written with tag characters. */
  readonly inFlag: boolean;
}

/**
 * The class of a character that hides something, or `undefined` for one that may stay.
 *
 * Characters that a script or an emoji needs are told by what stands around them: a joiner after a letter of a script
 * that joins (Persian, Hindi, …) or between two emoji, a variation selector after what it varies, a direction mark after
 * letters from right to left. Anywhere else they only hide.
 *
 * Sources: Unicode Standard Annex 31 (joiners), 9 (bidirectional controls), 29 rule GB11 and Technical Standard 51 (emoji
 * sequences).
 */
export function hiddenClass(code: number, around: Surroundings): HiddenClass | undefined {
  if (code < 0xa0) return isControl(code) ? 'controls' : undefined;
  if (code === 0xad) return 'zeroWidth';
  if (code === 0x061c) return around.rightToLeft ? undefined : 'bidi';
  if (code === 0x180e) return joins(around.before) ? undefined : 'zeroWidth';
  if (code < 0x200b) return undefined;
  if (code < 0x2070) return hiddenPunctuation(code, around);
  if (code < 0xd800) return undefined;
  if (code < 0xe000) return 'loneSurrogates';
  if (code === 0xfeff) return 'zeroWidth';
  if (code >= 0xfe00 && code <= 0xfe0f) return unvaried.test(character(around.before)) ? 'tags' : undefined;
  if (code < 0xe0000 || code > 0xe0fff) return undefined;
  if (code >= 0xe0100 && code <= 0xe01ef) return han.test(character(around.before)) ? undefined : 'tags';
  return around.inFlag ? undefined : 'tags';
}

/**
 * Finds, among UTF-16 units, those that `hiddenClass` may have something against. A text without any is as long as its
 * units, and has nothing to hide.
 */
export const needsCare =
  /[^\t\n\r -~\u00a0-\u00ac\u00ae-\u061b\u061d-\u180d\u180f-\u200a\u2010-\u2029\u202f-\u205f\u2070-\ud7ff\ue000-\ufdff\ufe10-\ufefe\uff00-\uffff]/;

function isControl(code: number): boolean {
  return code < 0x20 ? code !== 0x09 && code !== 0x0a && code !== 0x0d : code >= 0x7f;
}

/** U+200B to U+206F, in which nearly all format characters stand. */
function hiddenPunctuation(code: number, { before, after, rightToLeft }: Surroundings): HiddenClass | undefined {
  if (code === 0x200c) return joins(before) ? undefined : 'zeroWidth';
  if (code === 0x200d) return joins(before) || isBetweenEmoji(before, after) ? undefined : 'zeroWidth';
  if (code === 0x200e || code === 0x200f) return rightToLeft ? undefined : 'bidi';
  if (code === 0x200b || (code >= 0x2060 && code <= 0x2065) || code >= 0x206a) return 'zeroWidth';
  if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)) return 'bidi';
  return undefined;
}

// Scripts whose letters change their shape with a joiner: the cursive ones, and those with conjuncts.
const joining =
  /[\p{scx=Arab}\p{scx=Syrc}\p{scx=Mong}\p{scx=Nkoo}\p{scx=Adlm}\p{scx=Rohg}\p{scx=Mand}\p{scx=Deva}\p{scx=Beng}\p{scx=Guru}\p{scx=Gujr}\p{scx=Orya}\p{scx=Taml}\p{scx=Telu}\p{scx=Knda}\p{scx=Mlym}\p{scx=Sinh}\p{scx=Mymr}\p{scx=Khmr}\p{scx=Tibt}\p{scx=Bali}\p{scx=Java}\p{scx=Sund}]/u;
const letterOrMark = /[\p{L}\p{M}]/u;
const pictograph = /\p{Extended_Pictographic}/u;
const skinTone = /\p{Emoji_Modifier}/u;
/** Gives a pictograph its colours, so an emoji may end in it. */
const colours = 0xfe0f;
const han = /\p{scx=Han}/u;
/** What no variation selector varies: letters of these scripts, marks and other selectors, blanks, most of ASCII. */
const unvaried = /[\p{scx=Latn}\p{scx=Grek}\p{scx=Cyrl}\p{M}\p{Z}\p{Cc}\p{Cf}!-"$-)+-/:-~]/u;

function joins(before: number): boolean {
  const text = character(before);
  return letterOrMark.test(text) && joining.test(text);
}

function isBetweenEmoji(before: number, after: number | undefined): boolean {
  if (after === undefined || !pictograph.test(character(after))) return false;
  const text = character(before);
  return before === colours || pictograph.test(text) || skinTone.test(text);
}

/** The flags that are written with tag characters, as they are in use: England, Scotland, Wales. */
const flags = ['gbeng', 'gbsct', 'gbwls'].map((region) => {
  const tags = Array.from(region, (letter) => String.fromCodePoint(0xe0000 + letter.charCodeAt(0)));
  return `\u{1f3f4}${tags.join('')}\u{e007f}`;
});

/** The length of the flag that is written at an offset, in UTF-16 units; 0 where none is. */
export function flagLengthAt(text: Readable, at: number): number {
  const found = flags.find((flag) =>
    Array.from(flag).every((part, index) => text.codePointAt(at + 2 * index) === part.codePointAt(0)),
  );
  return found?.length ?? 0;
}

/** A text, or anything that is read like one. */
export interface Readable {
  readonly length: number;
  codePointAt(at: number): number | undefined;
  slice(from: number, to: number): string;
}

/** The blocks in which all letters are written from right to left. */
export const rightToLeftLetters = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

function character(code: number): string {
  return String.fromCodePoint(code);
}
