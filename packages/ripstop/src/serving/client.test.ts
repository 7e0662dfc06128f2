import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest';
import * as z from 'zod';
import { AuthenticationError, InvalidInputError, ValidationError } from '../errors/input-errors.js';
import { ModelError } from '../errors/model-error.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { GenerationFailedError } from '../errors/upstream-errors.js';
import { type NodeServer, serve } from './adapters/node.js';
import { createChute } from './chute.js';
import { createClient } from './client.js';
import type { Logger } from './logger.js';

const quiet: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

const left: unknown[] = [];

/** What its type says is all that a client needs of it. */
function textService() {
  return createChute({
    name: 'text',
    logger: quiet,
    guard: ({ request }) => {
      if (request.headers['authorization'] === 'Bearer wrong') throw new AuthenticationError();
    },
  })
    .cord(
      'generate',
      { input: z.object({ prompt: z.string(), max_tokens: z.number().default(7) }) },
      ({ input, context, request }) => ({
        text: input.prompt,
        max_tokens: input.max_tokens,
        id: context.correlationId,
        asked: request.headers['x-asked'] ?? 'nothing',
        bounded: context.deadline !== Number.POSITIVE_INFINITY,
        at: new Date(0),
      }),
    )
    .cord('words', { stream: 'ndjson', input: z.object({ fail: z.boolean() }) }, async function* ({ input }) {
      yield { delta: 'tea' };
      if (input.fail) throw new GenerationFailedError();
      yield { delta: 'pot' };
    })
    .cord('events', { input: z.object({ fail: z.boolean() }) }, async function* ({ input, signal }) {
      signal.addEventListener('abort', () => left.push(signal.reason));
      yield { delta: 'tea' };
      if (input.fail) throw new GenerationFailedError();
      yield { delta: 'pot' };
    })
    .cord('chat', { path: '/v1/chat', dialect: 'openai' }, async function* ({ signal }) {
      signal.addEventListener('abort', () => left.push(signal.reason));
      yield { choices: [] };
      throw new ModelOverloadedError();
    })
    .cord('endless', { method: 'GET' }, async function* ({ signal }) {
      signal.addEventListener('abort', () => left.push(signal.reason));
      for (let count = 0; ; count += 1) {
        yield count;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })
    .cord('hang', {}, ({ signal }) => {
      signal.addEventListener('abort', () => left.push(signal.reason));
      return new Promise<never>(() => undefined);
    })
    .cord(
      'search',
      { path: '/things/:thing/search', method: 'GET', input: z.object({ q: z.string(), tag: z.array(z.string()) }) },
      ({ input, params }) => ({ ...input, ...params }),
    )
    .cord('remove', { path: '/things/:thing', method: 'DELETE' }, () => undefined)
    .cord('busy', {}, () => {
      throw new ModelOverloadedError(undefined, { retryAfterMs: 2_000, details: { reason: 'shed' } });
    });
}

type App = ReturnType<typeof textService>;

async function listening(): Promise<NodeServer> {
  const server = await serve(textService().handle, { port: 0 });
  closing.push(() => server.close({ drainMs: 0, graceMs: 0 }));
  return server;
}

async function foreign(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe('values', () => {
  test('inputs and outputs are typed by the chute; headers, deadline and correlation id travel', async () => {
    const { url } = await listening();
    const client = createClient<App>(`${url}/`, { headers: { 'x-asked': 'always' } });
    const answer = await client.generate({ prompt: 'hi' }, { correlationId: 'mine', deadlineMs: 5_000 });
    expectTypeOf(answer.max_tokens).toEqualTypeOf<number>();
    expectTypeOf(answer.at).toEqualTypeOf<string>();
    expectTypeOf(client.generate).parameter(0).toEqualTypeOf<{ prompt: string; max_tokens?: number | undefined }>();
    expect(answer).toEqual({
      text: 'hi',
      max_tokens: 7,
      id: 'mine',
      asked: 'always',
      bounded: true,
      at: '1970-01-01T00:00:00.000Z',
    });
    expect(await client.generate({ prompt: 'hi' }, { headers: { 'x-asked': 'once' } })).toMatchObject({
      asked: 'once',
    });
  });

  test('a GET puts its input into the query, and parameters into the path', async () => {
    const { url } = await listening();
    const client = createClient<App>(url);
    const found = await client.search({ q: 'a&b', tag: ['x', 'y'] }, { params: { thing: 'a/b c' } });
    expect(found).toEqual({ q: 'a&b', tag: ['x', 'y'], thing: 'a/b c' });
    expect(await client.remove(undefined, { params: { thing: 1 } })).toBeUndefined();
    expect(await failure(client.remove())).toBeInstanceOf(TypeError);
  });

  test('where cords are is asked once, or not at all if it is told', async () => {
    const asked: string[] = [];
    const seen: typeof fetch = (input, init) => {
      asked.push(new URL(input as string).pathname);
      return fetch(input, init);
    };
    const { url } = await listening();
    const client = createClient<App>(url, { fetch: seen });
    await Promise.all([client.generate({ prompt: 'a' }), client.generate({ prompt: 'b' })]);
    await client.generate({ prompt: 'c' });
    expect(asked).toEqual(['/openapi.json', '/generate', '/generate', '/generate']);

    asked.length = 0;
    const told = createClient<App>(url, { fetch: seen, routes: { generate: 'POST /generate' } });
    await told.generate({ prompt: 'a' });
    expect(asked).toEqual(['/generate']);
    // @ts-expect-error -- the chute has it elsewhere
    expect(() => createClient<App>(url, { routes: { generate: 'POST generate' } })).toThrowError(RangeError);
  });

  test('a discovery that failed is tried again', async () => {
    const { url } = await listening();
    let failures = 1;
    const flaky: typeof fetch = (input, init) => {
      if (failures > 0) {
        failures -= 1;
        return Promise.reject(new TypeError('fetch failed'));
      }
      return fetch(input, init);
    };
    const client = createClient<App>(url, { fetch: flaky });
    expect(await failure(client.generate({ prompt: 'a' }))).toMatchObject({ errorType: 'upstream_unavailable' });
    expect(await client.generate({ prompt: 'a' })).toMatchObject({ text: 'a' });
  });

  test('it can be awaited, and what the service does not have is a 404', async () => {
    const { url } = await listening();
    const client = await Promise.resolve(createClient<App>(url));
    const unknown = client as unknown as { other(): Promise<unknown> };
    expect(await failure(unknown.other())).toMatchObject({ errorType: 'invalid_input', status: 404 });
  });
});

describe('I18: errors are the ones that the service meant', () => {
  test('a rejection with its wait, a validation error with its fields, a refused key', async () => {
    const { url } = await listening();
    const client = createClient<App>(url, { routes: { busy: 'POST /busy', generate: 'POST /generate' } });
    const busy = await failure(client.busy({}, { correlationId: 'abc' }));
    expect(busy).toBeInstanceOf(ModelOverloadedError);
    expect(busy).toMatchObject({ retryAfterMs: 2_000, details: { reason: 'shed' }, correlationId: 'abc', status: 503 });

    const invalid = await failure(client.generate({ prompt: 7 } as never));
    expect(invalid).toBeInstanceOf(ValidationError);
    expect((invalid as ValidationError).fields).toMatchObject([{ path: ['prompt'] }]);

    const refused = await failure(createClient<App>(url, { key: 'wrong' }).generate({ prompt: 'a' }));
    expect(refused).toBeInstanceOf(AuthenticationError);
  });

  test('a statement of the http profile keeps its status; OpenAI’s dialect and a proxy’s page are read too', async () => {
    const answers: [number, string, string][] = [
      [413, 'application/json', JSON.stringify(new InvalidInputError('too large', { status: 413 }))],
      [
        429,
        'application/json',
        '{"error":{"message":"Slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}',
      ],
      [502, 'text/html', '<html><h1>502 Bad Gateway</h1></html>'],
      [200, 'application/json', '{"half":'],
    ];
    const url = await foreign((_, response) => {
      const [status, type, body] = answers.shift() as [number, string, string];
      response.writeHead(status, { 'content-type': type, 'x-correlation-id': 'from-header' }).end(body);
    });
    const client = createClient<App>(url, { routes: { busy: 'POST /busy' } });
    expect(await failure(client.busy({}))).toMatchObject({ errorType: 'invalid_input', status: 413 });
    expect(await failure(client.busy({}))).toMatchObject({ errorType: 'rate_limited', correlationId: 'from-header' });
    expect(await failure(client.busy({}))).toMatchObject({ errorType: 'upstream_unavailable' });
    expect(await failure(client.busy({}))).toMatchObject({ errorType: 'invalid_response' });
  });

  test('a service that is not there is unavailable', async () => {
    const server = await listening();
    await server.close({ drainMs: 0 });
    const client = createClient<App>(server.url, { routes: { busy: 'POST /busy' } });
    expect(await failure(client.busy({}))).toMatchObject({ errorType: 'upstream_unavailable', isRetryable: true });
  });
});

describe('I5: streams are async iterables of their items', () => {
  test.each(['words', 'events'] as const)('%s: items, and an error frame as the error that it means', async (name) => {
    const { url } = await listening();
    const client = createClient<App>(url);
    const stream = await client[name]({ fail: false });
    expectTypeOf(stream).toEqualTypeOf<AsyncIterable<{ delta: string }>>();
    expect(await collected(stream)).toEqual([{ delta: 'tea' }, { delta: 'pot' }]);
    const items: unknown[] = [];
    const broken = await client[name]({ fail: true }, { correlationId: 'abc' });
    const error = await failure(
      (async () => {
        for await (const item of broken) items.push(item);
      })(),
    );
    expect(error).toMatchObject({ errorType: 'generation_failed', correlationId: 'abc' });
    expect(items).toEqual([{ delta: 'tea' }]);
  });

  test('OpenAI’s dialect too', async () => {
    const { url } = await listening();
    const stream = await createClient<App>(url).chat({});
    expect(await failure(collected(stream))).toMatchObject({ errorType: 'model_overloaded' });
  });

  test('one that breaks off without a word is interrupted', async () => {
    const url = await foreign((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'x-correlation-id': 'abc' });
      response.write('data: {"delta":"tea"}\n\n');
      setTimeout(() => response.destroy(), 20);
    });
    const stream = await createClient<App>(url, { routes: { events: 'POST /events' } }).events({ fail: false });
    expect(await failure(collected(stream))).toMatchObject({ errorType: 'stream_interrupted', correlationId: 'abc' });
  });
});

describe('I6 D64: a caller who leaves', () => {
  async function heard(): Promise<unknown> {
    for (let wait = 0; wait < 200 && left.length === 0; wait += 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    return left.pop();
  }

  test('ends the request with its own reason, and the service hears of it', async () => {
    const { url } = await listening();
    const client = createClient<App>(url, { routes: { hang: 'POST /hang' } });
    const controller = new AbortController();
    const pending = failure(client.hang({}, { signal: controller.signal }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const reason = new Error('enough');
    controller.abort(reason);
    expect(await pending).toBe(reason);
    expect(await heard()).toMatchObject({ errorType: 'cancelled' });
    expect(await failure(client.hang({}, { signal: AbortSignal.abort(reason) }))).toBe(reason);
  });

  test('ends a stream by its signal, or by breaking off the loop', async () => {
    const { url } = await listening();
    const client = createClient<App>(url, { routes: { endless: 'GET /endless' } });
    for await (const count of await client.endless()) if (count === 2) break;
    expect(await heard()).toMatchObject({ errorType: 'cancelled' });

    const controller = new AbortController();
    const reason = new Error('enough');
    const error = await failure(
      (async () => {
        for await (const count of await client.endless(undefined, { signal: controller.signal })) {
          if (count === 2) controller.abort(reason);
        }
      })(),
    );
    expect(error).toBe(reason);
    expect(await heard()).toMatchObject({ errorType: 'cancelled' });
  });

  test('ends only its own waiting for the routes, which others wait for too', async () => {
    const { url } = await listening();
    const client = createClient<App>(url);
    const controller = new AbortController();
    const leaving = failure(client.generate({ prompt: 'a' }, { signal: controller.signal }));
    const staying = client.generate({ prompt: 'b' });
    controller.abort(new Error('enough'));
    expect(await leaving).toMatchObject({ message: 'enough' });
    expect(await staying).toMatchObject({ text: 'b' });
  });
});

test('every failure of a client is typed', async () => {
  const { url } = await listening();
  const client = createClient<App>(url);
  const calls = [client.busy({}), client.generate({} as never), client.generate(undefined as never)];
  const failures = await Promise.all(calls.map(failure));
  expect(failures.map((error) => ModelError.isInstance(error))).toEqual([true, true, true]);
});
