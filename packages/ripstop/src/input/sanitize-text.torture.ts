import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { InvalidInputError } from '../errors/input-errors.js';
import { parseJson } from './json-text.js';
import { type SanitizeTextOptions, sanitizeText } from './sanitize-text.js';

const mega = 1_000_000;
/** Ten times as much may take a little more than ten times as long: memory is slower than a cache. */
const mostTimes = 12;

/** The fastest of some runs, in milliseconds of processor time: other programs of the machine take none of it. */
function fastest(work: () => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 7; run += 1) {
    const start = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(start);
    best = Math.min(best, (user + system) / 1_000);
  }
  return best;
}

function attempt(text: string, options: SanitizeTextOptions): void {
  try {
    sanitizeText(text, options);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
  }
}

const patterns: Readonly<Record<string, string>> = {
  'plain letters': 'abcdefghij',
  blanks: ' ',
  'control characters': '\u0000',
  'blanks and control characters': ' \u0000',
  'zero-width characters': '\u200b',
  'joiners between emoji': '😀\u200d',
  'Persian with non-joiners': 'می\u200cخ',
  Chinese: '漢字',
  'flags that are cut off': '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}',
  'lone surrogates': '\ud800',
  'letters and their marks': 'e\u0301',
};

test.each(Object.entries(patterns))(
  'R35 D17: ten times as much of %s takes at most twelve times as long',
  (name, pattern) => {
    const small = pattern.repeat(Math.ceil(mega / pattern.length));
    const large = pattern.repeat(Math.ceil((10 * mega) / pattern.length));
    for (const options of [{}, { maxLength: 20 * mega }, { maxLength: 20 * mega, normalize: 'NFC' }] as const) {
      const [few, many] = [fastest(() => attempt(small, options)), fastest(() => attempt(large, options))];
      console.log(`${name}, ${JSON.stringify(options)}: 1 MB ${few.toFixed(2)} ms, 10 MB ${many.toFixed(2)} ms`);
      // Below a millisecond the clock tells nothing: the text was refused near its start.
      expect(many).toBeLessThan(Math.max(1, mostTimes * few));
    }
  },
);

test('D14: 100,000 random texts come out clean or are refused with a type', () => {
  const unit = fc.oneof(
    fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
    fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
    fc.integer({ min: 0x2000, max: 0x206f }).map((code) => String.fromCodePoint(code)),
    fc.integer({ min: 0xe0000, max: 0xe01ef }).map((code) => String.fromCodePoint(code)),
    fc.constantFrom('a', ' ', 'م', 'क्', '漢', '😀', '❤\ufe0f', '🏴', 'e\u0301', '\u037e'),
  );
  const texts = fc.array(unit, { maxLength: 60 }).map((parts) => parts.join(''));
  const normalize = fc.constantFrom('none' as const, 'NFC' as const);
  fc.assert(
    fc.property(texts, normalize, fc.integer({ min: 1, max: 60 }), (text, form, maxLength) => {
      let clean: string;
      try {
        clean = sanitizeText(text, { normalize: form, maxLength });
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidInputError);
        return;
      }
      expect(Array.from(clean).length).toBeLessThanOrEqual(maxLength);
      expect(clean).not.toMatch(/\p{Cs}/u);
      expect(sanitizeText(clean, { normalize: form, maxLength })).toBe(clean);
    }),
    { numRuns: 100_000 },
  );
});

test('I10: 100,000 bodies of broken and mutated JSON are read or refused with a type', () => {
  const noise = fc.oneof(fc.constantFrom(...Array.from('{}[]",:\\u0_-1.eE tfn\n')), fc.string({ maxLength: 3 }));
  const encoder = new TextEncoder();
  fc.assert(
    fc.property(fc.json(), fc.nat(), noise, fc.nat({ max: 3 }), (json, at, extra, dropped) => {
      const cut = at % (json.length + 1);
      const text = json.slice(0, cut) + extra + json.slice(cut + dropped);
      try {
        expect(parseJson(encoder.encode(text), { maxDepth: 8, maxFields: 50 })).toEqual(JSON.parse(text));
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidInputError);
      }
    }),
    { numRuns: 100_000 },
  );
});
