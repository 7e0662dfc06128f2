/** Every kind of issue, as the real libraries report it. */
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import * as mini from 'zod/mini';
import { formatIssues, type StandardSchema } from '../issues.js';

interface Vendors {
  readonly zod?: StandardSchema;
  readonly valibot?: StandardSchema;
  readonly arktype?: StandardSchema;
}

/** What each library's schema has against a value: path text → messages. */
async function told(vendors: Vendors, value: unknown): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [vendor, schema] of Object.entries(vendors) as [string, StandardSchema][]) {
    const { issues = [] } = await schema['~standard'].validate(value);
    const formatted = formatIssues(issues, value);
    expect(JSON.stringify(formatted.fields.map(({ message }) => message))).not.toContain('canary');
    found[vendor] = { ...formatted.field_errors };
  }
  return found;
}

/** That all of them say the same. */
async function expectAll(vendors: Vendors, value: unknown, expected: Record<string, readonly string[]>): Promise<void> {
  const all = Object.fromEntries(Object.keys(vendors).map((vendor) => [vendor, expected]));
  expect(await told(vendors, value)).toEqual(all);
}

const text: Vendors = {
  zod: z.object({ a: z.string() }),
  valibot: v.object({ a: v.string() }),
  arktype: type({ a: 'string' }),
};
const number: Vendors = {
  zod: z.object({ a: z.number() }),
  valibot: v.object({ a: v.number() }),
  arktype: type({ a: 'number' }),
};
const choice: Vendors = {
  zod: z.object({ a: z.enum(['fast', 'slow']) }),
  valibot: v.object({ a: v.picklist(['fast', 'slow']) }),
  arktype: type({ a: "'fast'|'slow'" }),
};

describe('the sentences of the guide', () => {
  test('R23 D10: a field that is missing is required, of whatever type', async () => {
    for (const vendors of [text, number, choice]) {
      await expectAll(vendors, {}, { a: ['This field is required'] });
      await expectAll(vendors, { a: undefined }, { a: ['This field is required'] });
    }
    await expectAll(
      { zod: z.object({ a: z.coerce.number().int(), b: z.union([z.string(), z.number()]) }) },
      {},
      { a: ['This field is required'], b: ['This field is required'] },
    );
    await expectAll({ zod: z.string(), valibot: v.string(), arktype: type('string') }, undefined, {
      '(root)': ['This field is required'],
    });
  });

  test('R24 D10: not a text', async () => {
    for (const a of [1234, null, ['canary'], { b: 'canary' }]) {
      await expectAll(text, { a }, { a: ['This field must be text'] });
    }
  });

  test('R25 D10: not a whole number', async () => {
    const vendors: Vendors = {
      zod: z.object({ a: z.int(), b: z.number().int(), c: z.bigint() }),
      valibot: v.object({ a: v.pipe(v.number(), v.integer()), b: v.pipe(v.number(), v.safeInteger()), c: v.bigint() }),
      arktype: type({ a: 'number.integer', b: 'number.integer', c: 'bigint' }),
    };
    const message = ['This field must be a whole number'];
    await expectAll(vendors, { a: 1.5, b: 2.5, c: 'canary' }, { a: message, b: message, c: message });
  });

  test('R26 D10: not a number', async () => {
    for (const a of ['canary', null, true, Number.NaN]) {
      await expectAll(number, { a }, { a: ['This field must be a number'] });
    }
    await expectAll(
      { zod: z.object({ a: z.coerce.number() }), valibot: v.object({ a: v.pipe(v.string(), v.toNumber()) }) },
      { a: 'canary' },
      { a: ['This field must be a number'] },
    );
  });

  test('R27 R28 D10: below the minimum and above the maximum', async () => {
    const vendors: Vendors = {
      zod: z.object({ a: z.number().min(5), b: z.number().max(0.5) }),
      valibot: v.object({ a: v.pipe(v.number(), v.minValue(5)), b: v.pipe(v.number(), v.maxValue(0.5)) }),
      arktype: type({ a: 'number>=5', b: 'number<=0.5' }),
    };
    await expectAll(
      vendors,
      { a: 4, b: 1234.5 },
      { a: ['This field must be at least 5'], b: ['This field must be at most 0.5'] },
    );
  });

  test('R29 D10: a pattern that is not met', async () => {
    const vendors: Vendors = {
      zod: z.object({ a: z.string().regex(/^x+$/) }),
      valibot: v.object({ a: v.pipe(v.string(), v.regex(/^x+$/)) }),
      arktype: type({ a: '/^x+$/' }),
    };
    await expectAll(vendors, { a: 'canary' }, { a: ['This field has an invalid format'] });
  });

  test('R30 R31 D10: a list that is too short or too long', async () => {
    const vendors: Vendors = {
      zod: z.object({
        a: z.array(z.string()).min(2),
        b: z.array(z.string()).max(1),
        c: z.array(z.number()).nonempty(),
      }),
      valibot: v.object({
        a: v.pipe(v.array(v.string()), v.minLength(2)),
        b: v.pipe(v.array(v.string()), v.maxLength(1)),
        c: v.pipe(v.array(v.number()), v.nonEmpty()),
      }),
      arktype: type({ a: 'string[]>=2', b: 'string[]<=1', c: 'number[]>0' }),
    };
    await expectAll(
      vendors,
      { a: ['canary'], b: ['canary', 'canary2'], c: [] },
      {
        a: ['This list must have at least 2 items'],
        b: ['This list can have at most 1 items'],
        c: ['This list must have at least 1 items'],
      },
    );
  });

  test("R32: any other issue keeps the library's words, without the value", async () => {
    const vendors: Vendors = {
      zod: z.object({ a: z.string().startsWith('gpt-') }),
      valibot: v.object({ a: v.pipe(v.string(), v.startsWith('gpt-')) }),
      arktype: type({ a: type('string').narrow((_, context) => context.mustBe('a model of ours')) }),
    };
    expect(await told(vendors, { a: 'canary' })).toEqual({
      zod: { a: ['Invalid string: must start with "gpt-"'] },
      valibot: { a: ['Invalid start: Expected "gpt-"'] },
      arktype: { a: ['must be a model of ours'] },
    });
  });

  test("R32: a sentence by the schema's author stays, whatever the kind", async () => {
    const say = 'Ask for 5 to 10, please.';
    const vendors: Vendors = {
      zod: z.object({ a: z.number(say), b: z.number().min(5, say), c: z.string().refine(() => false, say) }),
      valibot: v.object({
        a: v.number(say),
        b: v.pipe(v.number(), v.minValue(5, say)),
        c: v.pipe(
          v.string(),
          v.check(() => false, say),
        ),
      }),
      arktype: type({
        a: type('number').configure({ message: say }),
        b: type('number>=5').configure({ message: say }),
        c: type('string').narrow((_, context) => context.reject({ message: say })),
      }),
    };
    await expectAll(vendors, { a: 'canary', b: 1, c: 'canary' }, { a: [say], b: [say], c: [say] });
    await expectAll(
      { arktype: type({ a: type('number>=18').describe('of age') }) },
      { a: 17 },
      { a: ['must be of age'] },
    );
  });

  test('R32: a library in another language is left in it', () => {
    const { error } = z.object({ a: z.string() }).safeParse({ a: 1 }, { error: z.locales.de().localeError });
    expect(formatIssues(error?.issues ?? [], { a: 1 }).field_errors).toEqual({
      a: ['Ungültige Eingabe: erwartet string, erhalten Zahl'],
    });
  });

  test('R23 R24 R27 D10: zod mini says nothing itself, and is told in full', async () => {
    const schema = mini.object({ a: mini.string(), b: mini.number().check(mini.minimum(5)), c: mini.string() });
    // The locale is one for the whole process, and the other zod has set it.
    const { error } = schema.safeParse({ b: 1, c: 7 }, { error: () => 'Invalid input' });
    expect(formatIssues(error?.issues ?? [], { b: 1, c: 7 }).field_errors).toEqual({
      a: ['This field is required'],
      b: ['This field must be at least 5'],
      c: ['This field must be text'],
    });
  });
});

describe('D11: what the guide has no sentence for', () => {
  test('D11: length of a text', async () => {
    const vendors: Vendors = {
      zod: z.object({ a: z.string().min(9), b: z.string().max(1), c: z.string().length(2) }),
      valibot: v.object({
        a: v.pipe(v.string(), v.minLength(9)),
        b: v.pipe(v.string(), v.maxLength(1)),
        c: v.pipe(v.string(), v.length(2)),
      }),
      arktype: type({ a: 'string>=9', b: 'string<=1', c: 'string==2' }),
    };
    await expectAll(
      vendors,
      { a: 'canary', b: 'canary', c: 'canary' },
      {
        a: ['This field must have at least 9 characters'],
        b: ['This field must have at most 1 character'],
        c: ['This field must have exactly 2 characters'],
      },
    );
    await expectAll(
      { valibot: v.object({ a: v.pipe(v.string(), v.maxBytes(3)) }) },
      { a: 'canary' },
      {
        a: ['This field must have at most 3 bytes'],
      },
    );
  });

  test('D11: exact length of a list, and tuples', async () => {
    const vendors: Vendors = {
      zod: z.object({ a: z.array(z.string()).length(3) }),
      valibot: v.object({ a: v.pipe(v.array(v.string()), v.length(3)) }),
      arktype: type({ a: 'string[]==3' }),
    };
    await expectAll(vendors, { a: ['canary'] }, { a: ['This list must have exactly 3 items'] });
    expect(
      await told(
        {
          zod: z.object({ a: z.tuple([z.string()]) }),
          valibot: v.object({ a: v.strictTuple([v.string()]) }),
          arktype: type({ a: ['string'] }),
        },
        { a: ['x', 'canary'] },
      ),
    ).toEqual({
      zod: { a: ['This list can have at most 1 items'] },
      valibot: { 'a -> 1': ['This field is not allowed'] },
      arktype: { a: ['This list must have exactly 1 items'] },
    });
  });

  test('D11: exclusive bounds, and multiples', async () => {
    const vendors: Vendors = {
      zod: z.object({
        a: z.number().gt(5),
        b: z.number().lt(5),
        c: z.number().multipleOf(3),
        d: z.number().positive(),
      }),
      valibot: v.object({
        a: v.pipe(v.number(), v.gtValue(5)),
        b: v.pipe(v.number(), v.ltValue(5)),
        c: v.pipe(v.number(), v.multipleOf(3)),
        d: v.pipe(v.number(), v.gtValue(0)),
      }),
      arktype: type({ a: 'number>5', b: 'number<5', c: 'number%3', d: 'number>0' }),
    };
    await expectAll(
      vendors,
      { a: 5, b: 5, c: 4, d: -1 },
      {
        a: ['This field must be more than 5'],
        b: ['This field must be less than 5'],
        c: ['This field must be a multiple of 3'],
        d: ['This field must be more than 0'],
      },
    );
  });

  test('D11: enums and literals', async () => {
    await expectAll(choice, { a: 'canary' }, { a: ['This field must be one of: "fast", "slow"'] });
    await expectAll(
      {
        zod: z.object({ a: z.literal('on'), b: z.literal([1, 2]), c: z.null() }),
        valibot: v.object({ a: v.literal('on'), b: v.picklist([1, 2]), c: v.null() }),
        arktype: type({ a: "'on'", b: '1|2', c: 'null' }),
      },
      { a: 'canary', b: 'canary', c: 'canary' },
      { a: ['This field must be "on"'], b: ['This field must be one of: 1, 2'], c: ['This field must be null'] },
    );
  });

  test('D11: many options are cut off', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `option-${index}`);
    const { issues = [] } = await z.object({ a: z.enum(names) })['~standard'].validate({ a: 'canary' });
    const message = formatIssues(issues, { a: 'canary' }).fields[0]?.message ?? '';
    expect(message).toContain('"option-0", "option-1"');
    expect(message.length).toBeLessThanOrEqual(301);
  });

  test('D11: unions say what may stand there, where that is short', async () => {
    expect(
      await told(
        {
          zod: z.object({ a: z.union([z.string(), z.number()]), b: z.union([z.literal('auto'), z.number()]) }),
          valibot: v.object({ a: v.union([v.string(), v.number()]), b: v.union([v.literal('auto'), v.number()]) }),
          arktype: type({ a: 'string|number', b: "'auto'|number" }),
        },
        { a: true, b: 'canary' },
      ),
    ).toEqual({
      // Arktype looks at the branch for texts alone, if it is sent a text.
      zod: { a: ['This field must be text or a number'], b: ['This field must be "auto" or a number'] },
      valibot: { a: ['This field must be text or a number'], b: ['This field must be "auto" or a number'] },
      arktype: { a: ['This field must be a number or text'], b: ['This field must be "auto"'] },
    });
    const b = { b: 'string' } as const;
    const c = { c: 'number' } as const;
    const objects = await told(
      {
        zod: z.object({ a: z.union([z.object({ b: z.string() }), z.object({ c: z.number() })]) }),
        valibot: v.object({ a: v.union([v.object({ b: v.string() }), v.object({ c: v.number() })]) }),
        arktype: type({ a: type(b).or(c) }),
      },
      { a: { b: 1234, c: 'canary' } },
    );
    const message = ['This field matches none of the allowed forms'];
    expect(objects).toEqual({ zod: { a: message }, valibot: { a: message }, arktype: { a: message } });
  });

  test('D11: the field that tells the members of a union apart', async () => {
    await expectAll(
      {
        zod: z.object({
          a: z.discriminatedUnion('k', [z.object({ k: z.literal('x') }), z.object({ k: z.literal('y') })]),
        }),
        valibot: v.object({ a: v.variant('k', [v.object({ k: v.literal('x') }), v.object({ k: v.literal('y') })]) }),
        arktype: type({ a: type({ k: "'x'", b: 'string' }).or({ k: "'y'", c: 'number' }) }),
      },
      { a: { k: 'canary' } },
      { 'a -> k': ['This field must be one of: "x", "y"'] },
    );
  });

  test('D11: booleans, lists, objects and files', async () => {
    const vendors: Vendors = {
      zod: z.object({ a: z.boolean(), b: z.array(z.string()), c: z.object({}), d: z.file() }),
      valibot: v.object({ a: v.boolean(), b: v.array(v.string()), c: v.object({}), d: v.file() }),
      arktype: type({ a: 'boolean', b: 'string[]', c: 'object', d: 'File' }),
    };
    await expectAll(
      vendors,
      { a: 'canary', b: 'canary', c: 'canary', d: 'canary' },
      {
        a: ['This field must be true or false'],
        b: ['This field must be a list'],
        c: ['This field must be an object'],
        d: ['This field must be a file'],
      },
    );
  });

  test('D11: dates, and their bounds', async () => {
    const day = new Date('2026-01-01T00:00:00Z');
    const vendors: Vendors = {
      zod: z.object({ a: z.date(), b: z.iso.date(), c: z.date().min(day), d: z.date().max(day) }),
      valibot: v.object({
        a: v.date(),
        b: v.pipe(v.string(), v.isoDate()),
        c: v.pipe(v.date(), v.minValue(day)),
        d: v.pipe(v.date(), v.maxValue(day)),
      }),
      arktype: type({
        a: 'Date',
        b: 'string.date.iso',
        c: "Date>=d'2026-01-01T00:00:00Z'",
        d: "Date<=d'2026-01-01T00:00:00Z'",
      }),
    };
    await expectAll(
      vendors,
      { a: 'canary', b: 'canary', c: new Date(0), d: new Date('2030-01-01') },
      {
        a: ['This field must be a date'],
        b: ['This field must be a date'],
        c: ['This field must be 2026-01-01T00:00:00.000Z or later'],
        d: ['This field must be 2026-01-01T00:00:00.000Z or earlier'],
      },
    );
    await expectAll(
      { zod: z.object({ a: z.iso.datetime() }), valibot: v.object({ a: v.pipe(v.string(), v.isoTimestamp()) }) },
      { a: 'canary' },
      { a: ['This field must be a date and time'] },
    );
    await expectAll(
      { valibot: v.object({ a: v.pipe(v.date(), v.gtValue(day)) }) },
      { a: day },
      {
        a: ['This field must be later than 2026-01-01T00:00:00.000Z'],
      },
    );
  });

  test('D11: URLs, e-mail addresses and UUIDs', async () => {
    const vendors: Vendors = {
      zod: z.object({ a: z.url(), b: z.email(), c: z.uuid() }),
      valibot: v.object({
        a: v.pipe(v.string(), v.url()),
        b: v.pipe(v.string(), v.email()),
        c: v.pipe(v.string(), v.uuid()),
      }),
      arktype: type({ a: 'string.url', b: 'string.email', c: 'string.uuid' }),
    };
    await expectAll(
      vendors,
      { a: 'canary', b: 'canary@', c: 'canary' },
      {
        a: ['This field must be a URL'],
        b: ['This field must be an e-mail address'],
        c: ['This field must be a UUID'],
      },
    );
  });

  test('D11: unknown keys are named one by one, in the path', async () => {
    const vendors: Vendors = {
      zod: z.object({ a: z.strictObject({ b: z.string() }) }),
      arktype: type({ a: { b: 'string', '+': 'reject' } }),
    };
    const message = ['This field is not allowed'];
    await expectAll(
      vendors,
      { a: { b: 'x', typo: 'canary', prompt2: 1 } },
      { 'a -> typo': message, 'a -> prompt2': message },
    );
    // It stops at the first.
    await expectAll(
      { valibot: v.object({ a: v.strictObject({ b: v.string() }) }) },
      { a: { b: 'x', typo: 'canary', prompt2: 1 } },
      { 'a -> typo': message },
    );
    await expectAll(
      { zod: z.object({ a: z.never() }), valibot: v.object({ a: v.never() }) },
      { a: 'canary' },
      { a: message },
    );
  });

  test('D11: names of members that do not fit', async () => {
    await expectAll(
      {
        zod: z.record(z.string().max(3), z.number()),
        valibot: v.record(v.pipe(v.string(), v.maxLength(3)), v.number()),
      },
      { longer: 1 },
      { longer: ['The name of this field is not valid'] },
    );
  });

  test('D11: a text that should be JSON, with the place where it breaks', async () => {
    await expectAll(
      { valibot: v.object({ a: v.pipe(v.string(), v.parseJson()) }), arktype: type({ a: 'string.json.parse' }) },
      { a: '{"x": 1,\n canary}' },
      { a: ['This field is not valid JSON: it breaks at line 2, column 2'] },
    );
  });

  test('D11: several faults of one field are several sentences', async () => {
    const found = await told(
      {
        zod: z.object({ a: z.string().min(9).regex(/^x/) }),
        valibot: v.object({ a: v.pipe(v.string(), v.minLength(9), v.regex(/^x/)) }),
        arktype: type({ a: 'string>=9&/^x/' }),
      },
      { a: 'canary' },
    );
    for (const fields of Object.values(found) as { a: string[] }[]) {
      expect([...fields.a].sort()).toEqual([
        'This field has an invalid format',
        'This field must have at least 9 characters',
      ]);
    }
  });
});
