import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../errors/input-errors.js';
import { syntaxErrorAt } from './json-syntax.js';
import { parseJson } from './json-text.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function refusal(read: () => unknown): InvalidInputError {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    return error as InvalidInputError;
  }
  throw new Error('it was not refused');
}

test('valid JSON is read, with a byte order mark too', () => {
  expect(parseJson(bytes('\ufeff {"a":[1,"é😀",null]} '))).toEqual({ a: [1, 'é😀', null] });
});

describe('R90 D62: broken JSON is a 400 that says where', () => {
  test.each([
    ['{"prompt": }', 11],
    ['{"a":1,}', 7],
    ['{"a":1', 6],
    ['[1,2', 4],
    ['[1,]', 3],
    ['hello', 0],
    ['{"a": tru}', 6],
    ['{a:1}', 1],
    ["{'a':1}", 1],
    ['{"a" 1}', 5],
    ['{"a":1 "b":2}', 7],
    ['01', 1],
    ['1.', 1],
    ['+1', 0],
    ['"abc', 4],
    ['"a\nb"', 2],
    ['"a\\x"', 2],
    ['"a\\u12"', 2],
    ['{"a":1}}', 7],
    ['[}', 1],
    ['1 2', 2],
    ['NaN', 0],
    ['{"a":undefined}', 5],
    ['// no', 0],
  ])('%j breaks at %i', (text, position) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(syntaxErrorAt(text)).toBe(position);
    const error = refusal(() => parseJson(bytes(text)));
    expect(error.status).toBe(400);
    expect(error.details).toMatchObject({ position });
  });

  test('lines and columns count from 1, and none of the content is repeated', () => {
    const error = refusal(() => parseJson(bytes('{\n  "secret": "hunter2",\n  "x": oops-hunter3\n}')));
    expect(error.message).toBe('The request body is not valid JSON: it breaks at line 3, column 8');
    expect(error.details).toEqual({ line: 3, column: 8, position: 32 });
    expect(JSON.stringify(error)).not.toMatch(/hunter|oops/);
    const short = refusal(() => parseJson(bytes('{"a":')));
    expect(short.message).toBe('The request body is not valid JSON: it ends too soon at line 1, column 6');
  });

  test('bytes that are no UTF-8 are refused', () => {
    expect(refusal(() => parseJson(Uint8Array.of(0x22, 0xff, 0xfe, 0x22))).message).toContain('UTF-8');
  });
});

test('the scanner finds nothing in any JSON, and something in whatever the engine refuses', () => {
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 2 }), (json, at, noise) => {
      expect(syntaxErrorAt(json)).toBeUndefined();
      const cut = at % (json.length + 1);
      for (const text of [json.slice(0, cut), json.slice(0, cut) + noise + json.slice(cut)]) {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        const found = syntaxErrorAt(text);
        expect(found === undefined, text).toBe(valid);
        if (found !== undefined) expect(found).toBeLessThanOrEqual(text.length);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a text cut right after its fault is refused by the engine too', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...Array.from('{}[]",:1-.eE tru\\n')) }), (text) => {
      const found = syntaxErrorAt(text);
      if (found === undefined || found === text.length) return;
      expect(() => JSON.parse(text)).toThrow();
      expect(() => JSON.parse(text.slice(0, found + 1))).toThrow();
    }),
  );
});

describe('keys and depths that do harm', () => {
  test.each([
    '{"__proto__":{"admin":true}}',
    '{"a":[{"b":{"__proto__":1}}]}',
    '{"\\u005f_proto__":1}',
    '{"constructor":{"prototype":{"admin":true}}}',
  ])('%s is refused, and no prototype changes', (text) => {
    expect(refusal(() => parseJson(bytes(text))).status).toBe(400);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test('the same words as values, and a constructor without a prototype, are let through', () => {
    const value = { prompt: 'what is __proto__?', constructor: { name: 'x' }, list: ['prototype', '__proto__'] };
    expect(parseJson(bytes(JSON.stringify(value)))).toEqual(value);
  });
});
