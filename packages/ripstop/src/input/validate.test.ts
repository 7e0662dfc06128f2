import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as z from 'zod';
import { ValidationError } from '../errors/input-errors.js';
import { InternalError } from '../errors/upstream-errors.js';
import { validateInput, validateOutput } from './validate.js';

const schemas = {
  zod: z.object({ n: z.coerce.number(), tags: z.array(z.string()).default([]) }),
  valibot: v.object({
    n: v.pipe(v.unknown(), v.transform(Number), v.number()),
    tags: v.optional(v.array(v.string()), []),
  }),
  arktype: type({ n: 'string.numeric.parse', tags: type('string[]').default(() => []) }),
};

async function thrown(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('it was let through'),
    (error: unknown) => error,
  );
}

describe.each(Object.entries(schemas))('%s', (_name, schema) => {
  test('what fits comes out as the schema makes it', async () => {
    expect(await validateInput(schema, { n: '7' })).toEqual({ n: 7, tags: [] });
    expect(await validateOutput(schema, { n: '7', tags: ['a'] })).toEqual({ n: 7, tags: ['a'] });
  });

  test('R33 D62: an input that does not fit is a 422 of the caller, with its fields', async () => {
    const error = await thrown(validateInput(schema, { n: 'canary', tags: 'canary' }));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ status: 422, origin: 'client', details: {} });
    expect((error as ValidationError).fields.map(({ path }) => path)).toEqual([['n'], ['tags']]);
    expect(JSON.stringify(error)).not.toContain('canary');
  });

  test('R33 D62: an output that does not fit is a 500 of ours that tells the caller nothing', async () => {
    const error = await thrown(validateOutput(schema, { n: 'canary', tags: 'canary' }));
    expect(error).toBeInstanceOf(InternalError);
    expect(error).toMatchObject({ status: 500, errorType: 'internal_error' });
    expect(JSON.stringify(error)).not.toMatch(/tags|canary/);
    expect((error as InternalError).diagnostics).toMatchObject({ fields: [{ path: ['n'] }, { path: ['tags'] }] });
  });
});

test('D13: of more than fifty issues all are counted', async () => {
  const error = await thrown(
    validateInput(
      z.array(z.string()),
      Array.from({ length: 70 }, () => 1),
    ),
  );
  expect(error).toMatchObject({ details: { issues: 70 } });
  expect((error as ValidationError).fields).toHaveLength(50);
});

test("an asynchronous schema is waited for, and its own failure is its author's", async () => {
  const taken = z.object({ name: z.string().refine(async (name) => Promise.resolve(name !== 'taken'), 'is taken') });
  expect(await validateInput(taken, { name: 'free' })).toEqual({ name: 'free' });
  expect(await thrown(validateInput(taken, { name: 'taken' }))).toMatchObject({ status: 422 });
  const broken = z.string().transform(() => {
    throw new TypeError('no such function');
  });
  expect(await thrown(validateInput(broken, 'x'))).toBeInstanceOf(TypeError);
});

test("the type of what comes out is the schema's", async () => {
  expectTypeOf(await validateInput(schemas.zod, { n: '1' })).toEqualTypeOf<{ n: number; tags: string[] }>();
  expectTypeOf(await validateInput(schemas.valibot, { n: '1' })).toEqualTypeOf<{ n: number; tags: string[] }>();
  expectTypeOf(await validateOutput(schemas.arktype, { n: '1' })).toEqualTypeOf<{ n: number; tags: string[] }>();
});
