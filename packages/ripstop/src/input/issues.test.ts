import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { fieldErrors, maxIssues, type StandardSchema } from './issues.js';

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
