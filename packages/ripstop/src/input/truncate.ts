/** Shorter text, cut between the characters that a reader sees. */

/**
 * At most `maxLength` code points of a text, with an ellipsis where there were more. What a reader sees as one character
 * (a letter with its accents, an emoji of several parts) is left out whole.
 */
export function truncate(text: string, maxLength: number): string {
  const end = offsetOf(text, maxLength);
  if (end === undefined) return text;
  const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  // A little more than is kept, so that it shows whether the last character goes on.
  const last = graphemes.segment(text.slice(0, end + 16)).containing(end);
  return `${text.slice(0, last?.index ?? end)}…`;
}

/** The UTF-16 offset of the code point number `count`; `undefined` where the text has no more than that. */
function offsetOf(text: string, count: number): number | undefined {
  if (text.length <= count) return undefined;
  let at = 0;
  for (let left = count; left > 0; left -= 1) {
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
    if (at >= text.length) return undefined;
  }
  return at;
}
