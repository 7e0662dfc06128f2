import { expect, test } from 'vitest';
import { parseJson } from './json.js';

const loose: readonly (readonly [string, string, unknown])[] = [
  [
    'the repr of a Python dict',
    "{'a': None, 'b': True, 'c': [1, 2.5], 'd': \"it's\"}",
    { a: null, b: true, c: [1, 2.5], d: "it's" },
  ],
  ['raw line breaks in a string', '{"a":"one\ntwo"}', { a: 'one\ntwo' }],
  ['a doubled comma', '[{"a":1,\n,  "b":2}]', [{ a: 1, b: 2 }]],
  ['a cut end', '{"error":{"message":"half', { error: { message: 'half' } }],
  ['text after the end', '{"a":1}. Received Model Group=x', { a: 1 }],
  ['names without quotes', '{a:1,b:two}', { a: 1, b: 'two' }],
  ['escapes', String.raw`{"a":"\u0041\n\"", 'b':'\''}`, { a: 'A\n"', b: "'" }],
  ['a stray bracket', '{"a":[1,}', { a: [1] }],
  ['nothing', '', ''],
];

test.each(loose)('%s is read as far as it goes', (_, text, value) => {
  expect(JSON.parse(JSON.stringify(parseJson(text)))).toEqual(value);
});

test('a key named __proto__ is only a key', () => {
  const value = parseJson("{'__proto__': {'polluted': True}}");

  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  expect(Object.keys(value as object)).toEqual(['__proto__']);
});

test('what lies too deep is left out, and ends', () => {
  expect(() => parseJson("{'a':".repeat(10_000))).not.toThrow();
});
