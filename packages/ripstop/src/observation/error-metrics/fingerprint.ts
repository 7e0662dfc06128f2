/** What makes two messages the same one: their words, without numbers and ids (I14). */
import { hideSecrets } from '../../errors/redact.js';
import { ownCopy } from './bounded-names.js';

/** A message is read no further than this. */
const longestRead = 256;
/** A longer word is an id, whatever it is made of. */
const longestWord = 32;

const separators = ' \t\r\n"\'`()[]{}<>=:;|/';
const separates = new Uint8Array(128);
for (const separator of separators) separates[separator.charCodeAt(0)] = 1;
const words = /([\s"'`()[\]{}<>=:;|/])/;

const [zero, nine, mark] = [0x30, 0x39, 0x23];
const prime = 0x0100_0193;
const basis = [0x811c_9dc5, 0x9e37_79b9] as const;

/**
 * The same number for messages that differ in numbers and ids only. A word with a digit in it counts as an id, and so does
 * one of more than 32 characters.
 *
 * Source: FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo), in two lanes of which 53 bits are kept.
 */
export function fingerprint(message: string): number {
  let [first, second]: readonly [number, number] = basis;
  let [firstBefore, secondBefore] = [first, second];
  let length = 0;
  let isId = false;
  const end = Math.min(message.length, longestRead);
  for (let at = 0; at <= end; at += 1) {
    const code = at < end ? message.charCodeAt(at) : 0x20;
    if (code >= 128 || separates[code] === 0) {
      length += 1;
      if ((code >= zero && code <= nine) || length > longestWord) isId = true;
    } else {
      if (isId) {
        first = Math.imul(firstBefore ^ mark, prime);
        second = Math.imul(secondBefore ^ mark, prime + 2);
      }
      length = 0;
      isId = false;
    }
    first = Math.imul(first ^ code, prime);
    second = Math.imul(second ^ code, prime + 2);
    if (length === 0) [firstBefore, secondBefore] = [first, second];
  }
  return (second >>> 11) * 2 ** 32 + (first >>> 0);
}

/** What those messages have in common, safe to show: `#` for each number and id. */
export function template(message: string): string {
  const text = hideSecrets(message.slice(0, 4 * longestRead));
  return ownCopy(text, longestRead)
    .split(words)
    .map((word) => (/\d/.test(word) || word.length > longestWord ? '#' : word))
    .join('');
}
