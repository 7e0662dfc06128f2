import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../errors/input-errors.js';
import { hiddenClass, needsCare, type Readable } from './hidden-characters.js';
import { withoutHidden } from './hidden-scan.js';
import { type SanitizeTextOptions, sanitizeText, sanitizeTextDefaults } from './sanitize-text.js';

function refusal(text: unknown, options?: SanitizeTextOptions): InvalidInputError {
  try {
    sanitizeText(text, options);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    return error as InvalidInputError;
  }
  throw new Error('it was not refused');
}

const points = (text: string): number => Array.from(text).length;

describe('the order of the guide', () => {
  test.each([undefined, null, 42, {}, ['text'], new String('text')])('R34 R35 D14: %j is no text, a 400', (value) => {
    expect(refusal(value)).toMatchObject({ message: 'Input must be text', status: 400, errorType: 'invalid_input' });
  });

  test('R35: control characters go, line feeds, returns and tabs stay, and the rest is trimmed', () => {
    expect(sanitizeText('\u0000 a\u0001b\n\tc\r\nd\u000b\u001f ')).toBe('ab\n\tc\r\nd');
  });

  test('R35 D14: more than 10 000 characters are refused with a 400 that names the limit', () => {
    expect(sanitizeTextDefaults.maxLength).toBe(10_000);
    expect(sanitizeText('x'.repeat(10_000))).toHaveLength(10_000);
    expect(refusal('x'.repeat(10_001))).toMatchObject({
      message: 'Input text too long (max 10000 characters)',
      status: 400,
      isRetryable: false,
      details: { reason: 'too_long', max_length: 10_000 },
    });
    expect(refusal('secret', { maxLength: 5 }).message).toBe('Input text too long (max 5 characters)');
  });

  test('R35 D14: a text with nothing in it that can be seen is empty, a 400', () => {
    for (const text of ['', '   \n\t', '\u0000\u0007', '\u200b\ufeff', '\u{e0041}', '\u3164', '\u202e \u2066']) {
      expect(refusal(text)).toMatchObject({ message: 'Input text cannot be empty', status: 400 });
    }
    expect(refusal('\u200b', { zeroWidth: 'keep' }).message).toBe('Input text cannot be empty');
  });

  test('D15: a text is trimmed before it is measured, and blanks within count', () => {
    const blanks = ' \n\u00a0\u3000\t'.repeat(5_000);
    expect(sanitizeText(`${blanks}${'x'.repeat(10_000)}${blanks}`)).toHaveLength(10_000);
    expect(sanitizeText(' a b ', { maxLength: 3 })).toBe('a b');
    expect(refusal(' a b ', { maxLength: 2 }).message).toContain('max 2');
  });

  test('D15: what is taken out does not count either', () => {
    expect(sanitizeText('\u0000'.repeat(50_000) + 'x'.repeat(10_000))).toHaveLength(10_000);
  });

  test('D17: length is counted in code points, so an emoji beyond U+FFFF is one', () => {
    expect(sanitizeText('😀'.repeat(4), { maxLength: 4 })).toBe('😀😀😀😀');
    expect(refusal('😀'.repeat(5), { maxLength: 4 }).message).toContain('max 4');
  });
});

const hidden: [name: keyof SanitizeTextOptions, characters: string[], said: string][] = [
  ['controls', ['\u0000', '\u0008', '\u001b', '\u007f', '\u0080', '\u0085', '\u009f'], 'control characters'],
  ['loneSurrogates', ['\ud800', '\udbff', '\udc00', '\udfff'], 'lone surrogates'],
  [
    'bidi',
    [
      '\u202a',
      '\u202b',
      '\u202c',
      '\u202d',
      '\u202e',
      '\u2066',
      '\u2067',
      '\u2068',
      '\u2069',
      '\u200e',
      '\u200f',
      '\u061c',
    ],
    'bidirectional controls',
  ],
  [
    'zeroWidth',
    ['\u00ad', '\u180e', '\u200b', '\u200c', '\u200d', '\u2060', '\u2061', '\u2065', '\u206a', '\u206f', '\ufeff'],
    'zero-width characters',
  ],
  ['tags', ['\u{e0001}', '\u{e0041}', '\u{e007f}', '\ufe00', '\ufe0f', '\u{e0100}', '\u{e01ef}'], 'tag characters'],
];

describe.each(hidden)('%s', (name, characters, said) => {
  test('D16: they are taken out by default, wherever they stand', () => {
    for (const character of characters) {
      expect(sanitizeText(`${character}a${character}b${character}${character}`), escape(character)).toBe('ab');
    }
  });

  test('D16: they can be refused instead, and the text is not repeated', () => {
    for (const character of characters) {
      const error = refusal(`secret${character}word`, { [name]: 'refuse' });
      expect(error).toMatchObject({ status: 400, message: `Input text contains ${said}, which are not allowed` });
      expect(JSON.stringify(error)).not.toContain('secret');
    }
    expect(sanitizeText('fine', { [name]: 'refuse' })).toBe('fine');
  });

  test('D16: they can be kept, except what cannot be sent', () => {
    if (name === 'loneSurrogates') {
      // @ts-expect-error -- there is no such choice
      expect(() => sanitizeText('a', { loneSurrogates: 'keep' })).toThrow(RangeError);
      return;
    }
    for (const character of characters)
      expect(sanitizeText(`a${character}b`, { [name]: 'keep' })).toBe(`a${character}b`);
  });
});

test('D16: what stands next to a class in Unicode stays', () => {
  const neighbours = [
    0x20, 0x7e, 0xa0, 0xac, 0xae, 0x061b, 0x061d, 0x180a, 0x2000, 0x200a, 0x2010, 0x2029, 0x202f, 0x205f,
  ];
  for (const code of [
    ...neighbours,
    0x2070,
    0xd7ff,
    0xe000,
    0xfdff,
    0xfe10,
    0xfefe,
    0xff00,
    0xfffd,
    0xdffff,
    0xe1000,
  ]) {
    const text = `a${String.fromCodePoint(code)}b`;
    expect(sanitizeText(text), code.toString(16)).toBe(text);
  }
});

describe('D16: what scripts and emoji need stays', () => {
  test.each([
    ['Persian, with a non-joiner between letters', 'می\u200cخواهم'],
    ['Hindi, with a joiner after a virama', 'क्\u200dष'],
    ['Bengali, with a joiner before a virama', 'র\u200d্য'],
    ['Malayalam, with a joiner at the end', 'ന്\u200d'],
    ['Sinhala', 'ශ්\u200dරී'],
    ['Mongolian, with a vowel separator', 'ᠬᠠᠨ\u180eᠠ'],
    ['a family', '👨\u200d👩\u200d👧\u200d👦'],
    ['an astronaut of colour', '👩🏽\u200d🚀'],
    ['a burning heart', '❤\ufe0f\u200d🔥'],
    ['the pirate flag', '🏴\u200d☠\ufe0f'],
    ['the rainbow flag', '🏳\ufe0f\u200d🌈'],
    ['a key cap', '1\ufe0f\u20e3 #\ufe0f\u20e3'],
    ['Wales', '🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}'],
    ['a Han character in the form of a name', '葛\u{e0100}'],
    ['Hebrew with a mark that keeps punctuation in place', 'שפת C++\u200e!'],
    ['Arabic with its own mark', 'العربية\u061c 1-2'],
    ['accents', 'e\u0301 é Å ñ'],
    ['line separators', 'a\u2028b\u2029c'],
  ])('%s', (_name, text) => {
    expect(sanitizeText(text)).toBe(text);
    const refuse = 'refuse';
    const strict = { controls: refuse, loneSurrogates: refuse, bidi: refuse, zeroWidth: refuse, tags: refuse } as const;
    expect(sanitizeText(text, strict)).toBe(text);
  });

  test.each([
    ['a second joiner', 'می\u200c\u200cخواهم', 'می\u200cخواهم'],
    ['a joiner between an emoji and a letter', '😀\u200dx', '😀x'],
    ['a joiner between an emoji and what is taken out', '😀\u200d\u200b😀', '😀😀'],
    ['a second selector', '❤\ufe0f\ufe0f', '❤\ufe0f'],
    ['selectors that spell a message after an emoji', '😀\u{e0158}\u{e0155}\u{e015c}', '😀'],
    ['a flag that does not exist', '🏴\u{e0061}\u{e0062}\u{e0063}\u{e007f}', '🏴'],
    ['a flag that is cut off', '🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}', '🏴'],
    ['instructions in tag characters', `hi${String.fromCodePoint(0xe0069, 0xe0067, 0xe006e)}`, 'hi'],
    ['an override in a file name', 'invoice\u202efdp.exe', 'invoicefdp.exe'],
  ])('but not %s', (_name, text, clean) => {
    expect(sanitizeText(text)).toBe(clean);
  });
});

describe('normalize', () => {
  test('D16: NFC joins letters and marks, on request only', () => {
    expect(sanitizeText('e\u0301')).toBe('e\u0301');
    expect(sanitizeText('e\u0301', { normalize: 'NFC' })).toBe('é');
    expect(sanitizeText('e\u200b\u0301', { normalize: 'NFC' })).toBe('é');
  });

  test('D17: the limit holds for the text as it is returned', () => {
    expect(sanitizeText('e\u0301'.repeat(4), { normalize: 'NFC', maxLength: 4 })).toBe('éééé');
    expect(refusal('e\u0301'.repeat(5), { normalize: 'NFC', maxLength: 4 }).message).toContain('max 4');
    // One that NFC takes apart.
    expect(refusal('\ufb2c'.repeat(2), { normalize: 'NFC', maxLength: 5 }).message).toContain('max 5');
    expect(points(sanitizeText('\ufb2c'.repeat(2), { normalize: 'NFC', maxLength: 6 }))).toBe(6);
  });
});

describe('properties', () => {
  const unit = fc.oneof(
    fc.constantFrom(...hidden.flatMap(([, characters]) => characters)),
    fc.constantFrom(
      ' ',
      '\n',
      '\u00a0',
      'a',
      'م',
      'क',
      '्',
      'é',
      'e',
      '\u0301',
      '漢',
      '😀',
      '❤',
      '🏴',
      '🏽',
      '\u037e',
      'ᄒ',
      'ᅡ',
    ),
    fc.constantFrom('\u{e0067}', '\u{e0062}', '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}'),
    fc.string({ unit: 'binary', maxLength: 2 }),
    fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  );
  const texts = fc.array(unit, { maxLength: 40 }).map((parts) => parts.join(''));
  const choice = fc.constantFrom('remove', 'refuse', 'keep');
  const anyOptions = fc.record(
    {
      maxLength: fc.integer({ min: 1, max: 30 }),
      controls: choice,
      bidi: choice,
      zeroWidth: choice,
      tags: choice,
      loneSurrogates: fc.constantFrom('remove', 'refuse'),
      normalize: fc.constantFrom('none', 'NFC'),
    },
    { requiredKeys: [] },
  );

  /** What came out, or `undefined` for a typed refusal. */
  const outcome = (text: unknown, options: SanitizeTextOptions): string | undefined => {
    try {
      return sanitizeText(text, options);
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidInputError);
      return undefined;
    }
  };

  test('D14 D16: whatever comes in, what comes out goes through unchanged, and a refusal is typed', () => {
    let passed = 0;
    fc.assert(
      fc.property(fc.oneof({ weight: 9, arbitrary: texts }, fc.anything()), anyOptions, (text, options) => {
        const clean = outcome(text, options);
        if (clean === undefined) return;
        passed += 1;
        expect(sanitizeText(clean, options)).toBe(clean);
        expect(clean).toBe(clean.trim());
      }),
      { numRuns: 5_000 },
    );
    expect(passed).toBeGreaterThan(500);
  });

  test('D16: what is always hidden never comes out', () => {
    fc.assert(
      fc.property(texts, fc.constantFrom('none', 'NFC'), (text, normalize) => {
        const clean = outcome(text, { normalize }) ?? '';
        expect(clean.replaceAll(/[\t\n\r]/g, '')).not.toMatch(/[\p{Cc}\p{Cs}]/u);
        expect(clean).not.toMatch(/[\u00ad\u200b\u202a-\u202e\u2060-\u206f\ufeff]/);
        expect(clean).not.toMatch(/[\u200c\u200d]{2}|[a-z\s][\u200c\u200d]|[\ufe00-\ufe0f]{2}/);
        const flagless = clean.replaceAll('🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}', '');
        expect(flagless).not.toMatch(/[\u{e0000}-\u{e00ff}\u{e01f0}-\u{e0fff}]/u);
      }),
      { numRuns: 5_000 },
    );
  });

  test('D17: a text is refused for its length exactly when what would come out has more code points', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 30 }), (text, maxLength) => {
        const whole = outcome(text, { maxLength: 1_000 });
        if (whole === undefined) return;
        expect(outcome(text, { maxLength })).toBe(points(whole) <= maxLength ? whole : undefined);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** A text that counts how it is read. */
function watched(text: Readable): Readable & { furthest: number; units: number } {
  return {
    furthest: 0,
    units: 0,
    length: text.length,
    codePointAt(at) {
      this.units += 1;
      this.furthest = Math.max(this.furthest, at);
      return text.codePointAt(at);
    },
    slice(from, to) {
      this.units += to - from;
      this.furthest = Math.max(this.furthest, to - 1);
      return text.slice(from, to);
    },
  };
}

test.each(['a', 'é', '漢', '😀'])(
  'R35: a text of %s that is too long is refused there, and not read further',
  (character) => {
    const endless = watched({
      length: 10_000_000,
      codePointAt: (at) => (at % character.length === 0 ? character.codePointAt(0) : character.charCodeAt(1)),
      slice: (from, to) => character.repeat((to - from) / character.length),
    });
    expect(() => withoutHidden(endless, sanitizeTextDefaults)).toThrow('Input text too long');
    expect(endless.furthest).toBeLessThan(10_000 * character.length + 1_100);
  },
);

test('R35: every unit is read a bounded number of times, whatever the text', () => {
  for (const pattern of ['a', '\u0000', ' ', ' \u0000', '\u200d😀', '🏴', '🏴\u{e0067}\u{e0062}\u{e0065}', 'م\u200c']) {
    const text = watched(pattern.repeat(Math.ceil(20_000 / pattern.length)));
    withoutHidden(text, { ...sanitizeTextDefaults, maxLength: 1_000_000 });
    expect(text.units, escape(pattern)).toBeLessThan(12 * text.length);
  }
});

test('the search for what needs care overlooks nothing', () => {
  const around = { before: 0, after: undefined, rightToLeft: false, inFlag: false };
  for (let code = 0; code <= 0xffff; code += 1) {
    const isSuspect = hiddenClass(code, around) !== undefined;
    // Half a pair is looked at, since the whole may be hidden, and counts as one.
    if (isSuspect || (code >= 0xd800 && code <= 0xdfff)) {
      expect(needsCare.test(String.fromCharCode(code)), escape(String.fromCharCode(code))).toBe(true);
    }
  }
  expect(needsCare.test('Plain text, naïve too; 漢字 and עברית.\t\r\n')).toBe(false);
});

test('D17: where a text is taken in pieces makes no difference', () => {
  const texts = [
    'a',
    '😀',
    'م\u200c',
    '👩\u200d🚀',
    '🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}',
    'ש\u200e',
    ' b',
  ];
  for (const text of texts) {
    for (let shift = 1_024 - text.length; shift <= 1_024; shift += 1) {
      const whole = `${'x'.repeat(shift)}${text}${text}${'y'.repeat(1_500)}${text}`;
      expect(sanitizeText(whole)).toBe(whole);
      expect(sanitizeText(whole, { maxLength: points(whole) })).toBe(whole);
      expect(refusal(whole, { maxLength: points(whole) - 1 }).message).toContain('too long');
    }
  }
});

test.each([
  [{ maxLength: 0 }, 'maxLength'],
  [{ maxLength: Number.NaN }, 'maxLength'],
  [{ bidi: 'drop' }, 'bidi'],
  [{ normalize: 'NFKC' }, 'normalize'],
])('a bad option is named: %j', (options, name) => {
  expect(() => sanitizeText('a', options as SanitizeTextOptions)).toThrow(RangeError);
  expect(() => sanitizeText('a', options as SanitizeTextOptions)).toThrow(name);
});

function escape(text: string): string {
  return Array.from(text, (character) => `U+${character.codePointAt(0)?.toString(16)}`).join(' ');
}
