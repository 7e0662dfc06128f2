import { describe, expect, test } from 'vitest';
import { loggedError } from './logged-error.js';
import { ModelError } from './model-error.js';
import { redactFields } from './redact-fields.js';
import { InternalError, UpstreamUnavailableError } from './upstream-errors.js';

const trap = (): never => {
  throw new Error('canary');
};

describe('I12 D53: fields of a log line or a record', () => {
  test('lose keys, prompts and answers by their names, however these are written', () => {
    const fields = {
      Authorization: 'canary',
      'x-api-key': 'canary',
      set_cookie: ['canary'],
      prompt: 'canary',
      messages: [{ role: 'user', content: 'canary' }],
      generated_text: 'canary',
      requestBody: { a: 'canary' },
      user_agent: 'canary',
      headers: new Headers({ authorization: 'canary', accept: 'text/html' }),
      deep: { deeper: [{ input: 'canary', model: 'small' }] },
    };
    const safe = redactFields(fields);
    expect(JSON.stringify(safe)).not.toContain('canary');
    expect(safe).toMatchObject({ prompt: '[hidden]', headers: { accept: 'text/html' } });
    expect(safe).toMatchObject({ deep: { deeper: [{ input: '[hidden]', model: 'small' }] } });
  });

  test('lose what has the shape of a key wherever it stands, and further names by option', () => {
    const fields = { note: 'used cpk_canary0123', list: ['sk-canary012345'], tenant: 'canary', tenant_id: 7 };
    expect(redactFields(fields, { hide: ['tenant', 'tenantId'] })).toEqual({
      note: 'used cpk-[…]',
      list: ['sk-[…]'],
      tenant: '[hidden]',
      tenant_id: 7,
    });
  });

  test('keep what is needed: ids, numbers, words, dates, and numbers of tokens', () => {
    const fields = {
      correlation_id: '0190a6b2-0000-7000-8000-000000000000',
      input: 512,
      tokens: 9,
      ok: true,
      none: null,
      at: new Date(0),
      url: new URL('https://models.internal/v1?key=canary'),
      big: 10n,
      bytes: new Uint8Array(3),
      nothing: undefined,
      pairs: new Map([['a', 1]]),
      set: new Set(['a']),
    };
    expect(redactFields(fields)).toEqual({
      correlation_id: '0190a6b2-0000-7000-8000-000000000000',
      input: 512,
      tokens: 9,
      ok: true,
      none: null,
      at: '1970-01-01T00:00:00.000Z',
      url: 'https://models.internal/v1',
      big: '10',
      bytes: '[3 bytes]',
      pairs: { a: 1 },
      set: ['a'],
    });
  });

  test('have a bounded size, whatever they hold', () => {
    const wide = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`k${index}`, 'x'.repeat(10)]));
    const long = { list: Array.from({ length: 5_000 }, () => wide), text: 'word '.repeat(100_000) };
    expect(JSON.stringify(redactFields({ wide, long })).length).toBeLessThan(20_000);
    const loop: Record<string, unknown> = { name: 'loop' };
    loop['self'] = loop;
    expect(redactFields(loop)).toMatchObject({ name: 'loop' });
    expect(JSON.stringify(redactFields(loop))).toContain('[circular]');
    let deep: object = { bottom: true };
    for (let index = 0; index < 1_000; index += 1) deep = { deep };
    expect(JSON.stringify(redactFields(deep))).toBe('{"deep":'.repeat(6) + '"[…]"' + '}'.repeat(6));
    expect(redactFields({ list: Array(100).fill(1) })['list']).toHaveLength(32);
  });

  test('may have odd names, which are kept short and without keys', () => {
    const safe = redactFields({ 'with sk-canary012345': 1, [`a ${'b '.repeat(5_000)}`]: 2, 'x-plain.name$': 3 });
    expect(Object.keys(safe).map(({ length }) => length)).toEqual([11, 64, 13]);
    expect(JSON.stringify(safe)).not.toContain('canary');
  });

  test('that throw when they are looked at are passed over', () => {
    const bad = {
      get broken() {
        return trap();
      },
      proxy: new Proxy({}, { getPrototypeOf: trap, ownKeys: trap, get: trap }),
      fine: 1,
      method: trap,
      symbol: Symbol('canary'),
    };
    expect(redactFields(bad)).toEqual({
      broken: '[unreadable]',
      proxy: '[unreadable]',
      fine: 1,
      method: '[function]',
      symbol: '[symbol]',
    });
    expect(redactFields(new Proxy({}, { ownKeys: trap }))).toEqual({});
    expect(redactFields(JSON.parse('{"__proto__":{"polluted":true}}') as object)).not.toHaveProperty('polluted');
  });

  test('say of an error what a log may say, once and for all', () => {
    const safe = redactFields({ err: new UpstreamUnavailableError(undefined, { cause: new Error('canary') }) });
    expect(safe['err']).toMatchObject({
      type: 'UpstreamUnavailableError',
      message: 'The model service is unavailable',
    });
    expect(JSON.stringify(safe)).not.toContain('canary');
    expect(redactFields(safe)).toEqual(safe);
  });
});

describe('I12 D4: an error in a log', () => {
  test('says nothing that others wrote into it', () => {
    const cause = Object.assign(new TypeError('Headers.append: "Bearer canary-key" is an invalid header value.'), {
      code: 'ERR_INVALID_CHAR',
    });
    const logged = loggedError(
      new UpstreamUnavailableError(undefined, { cause, diagnostics: { body: 'canary-prompt' } }),
    );
    expect(logged).toMatchObject({
      type: 'UpstreamUnavailableError',
      error_type: 'upstream_unavailable',
      message: 'The model service is unavailable',
      cause: { type: 'TypeError', code: 'ERR_INVALID_CHAR' },
    });
    expect(logged.cause?.stack).toContain('    at ');
    expect(JSON.stringify(logged)).not.toContain('canary');
  });

  test('says all that can be said where that was asked for, but for keys', () => {
    const logged = loggedError(
      new InternalError(undefined, { cause: new Error('no table users for sk-canary0123') }),
      'all',
    );
    expect(logged.cause).toMatchObject({ type: 'Error', message: 'no table users for sk-[…]' });
  });

  test('has the members of an aggregate, and a bounded depth, even where it bites its own tail', () => {
    const both = new AggregateError([new TypeError('a'), new UpstreamUnavailableError()], 'canary');
    expect(loggedError(both)).toMatchObject({
      type: 'AggregateError',
      errors: [{ type: 'TypeError' }, { error_type: 'upstream_unavailable' }],
    });
    const error = new InternalError();
    Object.defineProperty(error, 'cause', { value: error });
    expect(JSON.stringify(loggedError(error)).match(/"type"/g)).toHaveLength(5);
  });

  test('may be no error, or one that cannot be looked at', () => {
    expect(loggedError('canary-prompt')).toEqual({ type: 'string' });
    expect(loggedError(null)).toEqual({ type: 'null' });
    const odd = Object.assign(new Error('x'), { name: 'Error: canary prompt', code: 'canary' });
    expect(loggedError(odd)).toMatchObject({ type: 'Error' });
    expect(JSON.stringify(loggedError(odd))).not.toContain('canary');
    expect(loggedError(new Proxy(new ModelError('internal_error', 'x'), { get: trap }))).toEqual({
      type: 'unreadable',
    });
  });
});
