import { type } from 'arktype';
import * as fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { ValidationError } from '../errors/input-errors.js';
import { fieldErrors, formatIssues, maxIssues, type StandardSchema } from './issues.js';

const email = { zod: z.email(), valibot: v.pipe(v.string(), v.email()), arktype: type('string.email') };

const schemas: Record<string, StandardSchema> = {
  zod: z.strictObject({
    prompt: z.string(),
    count: z.number().max(5000),
    email: email.zod,
    tags: z.array(z.string()),
    mode: z.union([z.literal('a'), z.number()]),
    missing: z.string(),
  }),
  valibot: v.strictObject({
    prompt: v.string(),
    count: v.pipe(v.number(), v.maxValue(5000)),
    email: email.valibot,
    tags: v.array(v.string()),
    mode: v.union([v.literal('a'), v.number()]),
    missing: v.string(),
  }),
  arktype: type({
    '+': 'reject',
    prompt: 'string',
    count: 'number<=5000',
    email: email.arktype,
    tags: 'string[]',
    mode: "'a'|number",
    missing: 'string',
  }),
};

const input = {
  prompt: 4242,
  count: 987654,
  email: 'leak-of@nothing',
  tags: ['fine', 777],
  mode: 'zzz-secret',
  extra: 'hidden-value',
};

async function issuesOf(schema: StandardSchema, value: unknown): Promise<ReturnType<typeof fieldErrors>> {
  const result = await schema['~standard'].validate(value);
  return fieldErrors(result.issues ?? [], value);
}

describe.each(Object.entries(schemas))('%s', (_name, schema) => {
  test('R22: every issue has its path as parts, indexes as numbers', async () => {
    const fields = await issuesOf(schema, input);
    const paths = fields.map(({ path }) => JSON.stringify(path));
    for (const path of [['prompt'], ['count'], ['email'], ['tags', 1], ['mode'], ['missing']]) {
      expect(paths).toContain(JSON.stringify(path));
    }
  });

  test('D13: no message repeats a value of the input', async () => {
    const fields = await issuesOf(schema, input);
    expect(fields.length).toBeGreaterThanOrEqual(6);
    const text = fields.map(({ message }) => message).join('\n');
    for (const value of ['4242', '987654', 'leak-of', '777', 'zzz-secret', 'hidden-value']) {
      expect(text).not.toContain(value);
    }
    for (const { message } of fields) expect(message.length).toBeGreaterThan(3);
  });

  test('D12: an issue of the whole input has the empty path', async () => {
    for (const value of [undefined, null, 'secret-text', 17]) {
      const fields = await issuesOf(schema, value);
      expect(fields.map(({ path }) => path)).toEqual([[]]);
      expect(fields[0]?.message).not.toContain('secret-text');
    }
  });
});

test('D13: issues beyond the fiftieth are left out', () => {
  const issues = Array.from({ length: 80 }, (_, index) => ({ message: 'Required', path: [index] }));
  expect(fieldErrors(issues, {})).toHaveLength(maxIssues);
});

test("D13: a schema's own message that repeats the value is replaced", () => {
  const fields = fieldErrors([{ message: 'hunter2 is too weak', path: ['password'] }], { password: 'hunter2' });
  expect(fields).toEqual([{ path: ['password'], message: 'This field is not valid' }]);
});

test('D13: it is replaced as well where it repeats part of a long value, a number, or another field', () => {
  const input = { prompt: `Dear model, ${'tell me about Paris. '.repeat(50)}`, pin: 90_210, card: '4111-1111' };
  const told = (message: string, field = 'prompt'): string | undefined =>
    fieldErrors([{ message, path: [field] }], input)[0]?.message;
  expect(told(`"${input.prompt.slice(0, 30)}…" is off topic`)).toBe('This field is not valid');
  expect(told(`not about ${input.prompt.slice(300, 330).toUpperCase()}`)).toBe('This field is not valid');
  expect(told('90210 is taken', 'pin')).toBe('This field is not valid');
  expect(told('the card 4111-1111 is unknown', 'pin')).toBe('This field is not valid');
  expect(told('must be about a city in France')).toBe('must be about a city in France');
});

test('D13: it is replaced as well where hiding characters, a cut or an ellipsis leave only part of the value', () => {
  const told = (message: string, value: string): string | undefined =>
    fieldErrors([{ message, path: ['a'] }], { a: value })[0]?.message;
  expect(told('hun\u200bter2secret is weak', 'hun\u200bter2secret')).toBe('This field is not valid');
  expect(told(`${'!'.repeat(290)} hunter2-secret`, 'hunter2-secret')).toBe('This field is not valid');
  expect(told('hunter2-… is weak', 'hunter2-secret')).toBe('This field is not valid');
  expect(told('weak\u0000 as\u202e it is', 'hunter2-secret')).toBe('weak as it is');
});

test('D13: of an input that cannot be looked through in time, no foreign sentence is told', () => {
  const issue = { message: 'must be even', path: [0] };
  const [field] = fieldErrors(
    [issue],
    Array.from({ length: 50_000 }, (_, index) => index),
  );
  expect(field?.message).toBe('This field is not valid');
  const looped: unknown[] = [7];
  looped.push(looped);
  expect(fieldErrors([issue], looped)[0]?.message).toBe('This field is not valid');
});

test("D13: a key is the caller's own, and told without what hides in it, cut to 100 characters", () => {
  const key = `a\u0000\u202eb\n${'😀'.repeat(500)}`;
  const { fields, field_errors: byPath } = formatIssues([{ message: 'bad', path: [key, 3] }], {});
  expect(fields[0]?.path).toEqual([`ab\n${'😀'.repeat(97)}…`, 3]);
  expect(Object.keys(byPath)).toEqual([`ab\n${'😀'.repeat(97)}… -> 3`]);
});

test('D17: a long sentence is cut between characters', () => {
  const [field] = fieldErrors([{ message: '👩\u200d🚀'.repeat(400), path: [] }], {});
  expect(field?.message).toBe(`${'👩\u200d🚀'.repeat(100)}…`);
});

test('R20 R21: the result has the keys of the envelope, and nothing else', () => {
  const issues = [
    { message: 'first', path: ['a', { key: 0 }] },
    { message: 'second', path: ['a', 0] },
    { message: 'whole', path: [] },
  ];
  expect(formatIssues(issues, {})).toEqual({
    error: 'Validation failed',
    error_type: 'validation_error',
    field_errors: { 'a -> 0': ['first', 'second'], '(root)': ['whole'] },
    fields: [
      { path: ['a', 0], message: 'first' },
      { path: ['a', 0], message: 'second' },
      { path: [], message: 'whole' },
    ],
    is_retryable: false,
  });
});

test("R33: the error for it is a 422 in both profiles' envelope, and not retried", async () => {
  const error = new ValidationError(fieldErrors([{ message: 'bad', path: ['a'] }], {}));
  expect(error).toMatchObject({ status: 422, isRetryable: false, origin: 'client' });
  const response = error.getResponse();
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({ error_type: 'validation_error', field_errors: { a: ['bad'] } });
});

test.each(['received', 'expected', 'type', 'rule'])('%s may be what cannot be made into a text', (name) => {
  for (const kind of ['schema', 'validation']) {
    const issue = { message: 'Invalid input', kind, problem: 'must be y', [name]: { toString: {} } };
    expect(fieldErrors([issue], 'secret')).toHaveLength(1);
  }
});

test.each(['valueOf', 'toString', '__proto__', 'constructor'])('a type of the name %s is no entry of ours', (name) => {
  for (const known of [
    { kind: 'schema' },
    { kind: 'validation' },
    { code: 'invalid_type' },
    { problem: `must be ${name}` },
  ]) {
    const issue = { message: `must be ${name}`, type: name, expected: name, format: name, ...known };
    expect(fieldErrors([issue], '')).toHaveLength(1);
  }
});

test('whatever a library reports, it can be told', () => {
  const messages = fc.constantFrom(
    'Too small: expected x',
    'Invalid input',
    'must be y',
    'Invalid key: Received z',
    '',
  );
  const anyIssue = fc.record(
    {
      message: fc.oneof(messages, fc.string()),
      path: fc.option(
        fc.array(
          fc.oneof(
            fc.string(),
            fc.nat(),
            fc.string().map((key) => ({ key })),
          ),
        ),
        { nil: undefined },
      ),
      code: fc.oneof(
        fc.constantFrom('too_small', 'invalid_union', 'unrecognized_keys', 'intersection', 'union'),
        fc.anything(),
      ),
      kind: fc.constantFrom('schema', 'validation', undefined),
      type: fc.constantFrom('union', 'min_length', 'max_value', 'picklist'),
      problem: fc.constantFrom('must be y', undefined, undefined),
      minimum: fc.anything(),
      requirement: fc.anything(),
      rule: fc.anything(),
      expected: fc.oneof(fc.string(), fc.anything()),
      received: fc.anything(),
      options: fc.anything(),
    },
    { requiredKeys: ['message'] },
  );
  fc.assert(
    fc.property(fc.array(anyIssue), fc.anything(), (issues, value) => {
      const fields = fieldErrors(issues, value);
      expect(fields.length).toBeLessThanOrEqual(maxIssues);
      for (const { path, message } of fields) {
        expect(message).not.toBe('');
        expect(Array.from(message).length).toBeLessThanOrEqual(301);
        expect(path.length).toBeLessThanOrEqual(32);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('issues without their input are told all the same', () => {
  const { issues = [] } = z.string().min(5)['~standard'].validate('abc') as { issues?: readonly z.core.$ZodIssue[] };
  expect(formatIssues(issues, undefined).field_errors).toEqual({
    '(root)': ['This field must have at least 5 characters'],
  });
});

test('a message stays when the value is so short that it stands there by chance', () => {
  const fields = fieldErrors([{ message: 'must be at most 5', path: ['n'] }], { n: '5' });
  expect(fields[0]?.message).toBe('must be at most 5');
});

test('a path of objects, symbols and endless keys becomes a short one of strings and numbers', () => {
  const issue = { message: 'bad', path: [{ key: 'a' }, { key: 0 }, Symbol('s'), 'k'.repeat(1_000)] };
  const [field] = fieldErrors([issue], {});
  expect(field?.path.slice(0, 3)).toEqual(['a', 0, 's']);
  expect(String(field?.path[3]).length).toBeLessThan(110);
  const deep = fieldErrors([{ message: 'bad', path: Array.from({ length: 500 }, () => 'a') }], {});
  expect(deep[0]?.path.length).toBeLessThan(50);
});

test('the value is looked up among own properties only', () => {
  const fields = fieldErrors([{ message: 'bad', path: ['__proto__', 'constructor', 'name'] }], {});
  expect(fields).toEqual([{ path: ['__proto__', 'constructor', 'name'], message: 'bad' }]);
});
