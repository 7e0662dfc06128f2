import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../errors/input-errors.js';
import { assertJsonText, assertJsonValue, jsonLimitDefaults } from './json-limits.js';
import { parseJson } from './json-text.js';

function refusal(check: () => unknown): InvalidInputError | undefined {
  try {
    check();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    return error as InvalidInputError;
  }
  return undefined;
}

/** Levels and fields, counted the slow and plain way. */
function measure(value: unknown): { readonly depth: number; readonly fields: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, fields: 0 };
  const children = Object.values(value).map(measure);
  return {
    depth: 1 + Math.max(0, ...children.map(({ depth }) => depth)),
    fields: children.length + children.reduce((sum, { fields }) => sum + fields, 0),
  };
}

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

test('I10: nesting is let through up to 128 levels and refused beyond, however deep', () => {
  expect(jsonLimitDefaults.maxDepth).toBe(128);
  expect(refusal(() => assertJsonText(nested(128)))).toBeUndefined();
  expect(refusal(() => assertJsonValue(JSON.parse(nested(128))))).toBeUndefined();
  const value: unknown = JSON.parse(nested(129));
  for (const check of [
    () => assertJsonText(nested(129)),
    () => assertJsonText('['.repeat(1_000_000)),
    () => assertJsonText('{"a":'.repeat(1_000_000)),
    () => assertJsonValue(value),
    () => parseJson(new TextEncoder().encode(nested(1_000_000))),
  ]) {
    expect(refusal(check)).toMatchObject({
      status: 400,
      message: 'The JSON is nested deeper than 128 levels',
      details: { max_depth: 128 },
    });
  }
});

test('I10: the number of members and items is bounded, with a 413 that says how many may be', () => {
  const limits = { maxFields: 5 };
  for (const [json, fits] of [
    ['[1,2,3,4,5]', true],
    ['[1,2,3,4,5,6]', false],
    ['{"a":[],"b":{},"c":[1,2]}', true],
    ['{"a":[],"b":{},"c":[1,2,3]}', false],
    ['["a,b,c,d,e,f,{[","\\",\\",","\\\\",",,",1]', true],
    ['[[],[],[],[],[]]', true],
    ['[[],[],[],[],[[]]]', false],
    ['"plain"', true],
    [' [ \n\t\r ] ', true],
  ] as const) {
    const refused = [
      refusal(() => assertJsonText(json, limits)),
      refusal(() => assertJsonValue(JSON.parse(json), limits)),
      refusal(() => parseJson(new TextEncoder().encode(json), limits)),
    ];
    for (const error of refused) {
      expect(error?.message, json).toBe(fits ? undefined : 'The JSON has more than 5 fields');
      if (!fits) expect(error).toMatchObject({ status: 413, details: { max_fields: 5 } });
    }
  }
});

/** A key that is refused whatever the limits are. */
const isAllowed = (value: unknown): boolean => !JSON.stringify(value).includes('"__proto__"');

test('a text and its value are measured alike', () => {
  fc.assert(
    fc.property(fc.jsonValue().filter(isAllowed), fc.constantFrom(undefined, 1), (value, indent) => {
      const { depth, fields } = measure(value);
      const text = JSON.stringify(value, undefined, indent);
      const exact = { maxDepth: Math.max(1, depth), maxFields: Math.max(1, fields) };
      assertJsonText(text, exact);
      assertJsonValue(value, exact);
      for (const less of [{ maxDepth: depth - 1 }, { maxFields: fields - 1 }]) {
        if (Object.values(less)[0] < 1) continue;
        expect(refusal(() => assertJsonText(text, less))?.message).toContain('The JSON');
        expect(refusal(() => assertJsonValue(value, less))?.message).toContain('The JSON');
      }
    }),
    { numRuns: 1_000 },
  );
});

test('a hostile text is read up to its first breach and no further', () => {
  let read = 0;
  const endless = {
    length: 10_000_000,
    charCodeAt: (at: number) => {
      read = Math.max(read, at);
      return '['.charCodeAt(0);
    },
  } as unknown as string;
  expect(refusal(() => assertJsonText(endless))?.status).toBe(400);
  expect(read).toBe(128);
});

test('what is no JSON is left to the parser, and none of it does harm here', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...Array.from('{}[]",:1-.eE tru\\n')) }), (text) => {
      refusal(() => assertJsonText(text, { maxDepth: 2, maxFields: 2 }));
      assertJsonText(text);
    }),
  );
});

describe('keys of a value that somebody else has parsed', () => {
  test.each(['{"__proto__":1}', '[{"a":{"__proto__":{}}}]', '{"constructor":{"prototype":{}}}'])('%s', (json) => {
    expect(refusal(() => assertJsonValue(JSON.parse(json)))?.status).toBe(400);
  });

  test('anything that is no tree of objects is harmless', () => {
    for (const value of [undefined, null, 1, 'text', [], {}, { constructor: 'x' }]) {
      expect(() => assertJsonValue(value)).not.toThrow();
    }
  });
});

test.each([
  [{ maxDepth: 0 }, 'maxDepth'],
  [{ maxFields: 1.5 }, 'maxFields'],
])('a bad limit is named: %j', (limits, name) => {
  expect(() => assertJsonText('1', limits)).toThrow(RangeError);
  expect(() => assertJsonValue(1, limits)).toThrow(name);
});
