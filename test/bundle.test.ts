/** What runs where there is no Node: bundled as for a browser, and then run with nothing but the Web's own names. */
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { root } from './repository.js';

/** A worker, as its author would write it. */
const program = `
  import { errorContext, retry, RateLimitError } from 'ripstop';
  import { createChute, fetchHandler } from 'ripstop/serving';
  import { mount, withErrors } from 'ripstop/next';
  import { mount as honoMount } from 'ripstop/hono';
  import { safeGenerateImage } from 'ripstop/models';
  import { degradation, eventLoopLoad } from 'ripstop/observation';

  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const app = createChute({ name: 'worker', logger })
    .cord('double', {}, ({ input }) => ({ doubled: input.number * 2 }))
    .cord('context', {}, ({ context }) => ({ id: errorContext.current().correlationId ?? context.correlationId }))
    .cord('tries', {}, ({ context }) => {
      let tries = 0;
      const flaky = () => {
        tries += 1;
        if (tries === 1) throw new RateLimitError('Slow down', { retryAfterMs: 1 });
        return { tries };
      };
      return retry({ baseDelayMs: 1 }).execute(flaky, { context });
    })
    .cord('words', { method: 'GET' }, async function* () {
      yield { word: 'one' };
    });
  export const answer = fetchHandler(app.handle);
  export const route = mount(app.handle);
  export const own = withErrors(() => { throw new RateLimitError('Slow down'); });
  export const hono = typeof honoMount;
  export async function picture() {
    const quality = degradation({ sources: [eventLoopLoad()] });
    await quality.sample();
    const bytes = new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0, 16, 74, 70, 73, 70, 0, 1]);
    return { level: quality.level, ...(await safeGenerateImage({ generate: () => bytes }, 'a lighthouse')) };
  }
`;

/** The names that browsers and workers have, and no other. */
const web = {
  AbortController,
  AbortSignal,
  DOMException,
  Headers,
  ReadableStream,
  Request,
  Response,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
  btoa,
  clearTimeout,
  crypto: globalThis.crypto,
  performance,
  queueMicrotask,
  setTimeout,
};

interface Worker {
  answer(request: Request): Promise<Response>;
  route: Record<'POST', (request: Request) => Promise<Response>>;
  own(request: Request): Promise<Response>;
  hono: string;
  picture(): Promise<object>;
}

async function bundled(): Promise<string> {
  const bundle = await rolldown({
    input: 'worker',
    platform: 'browser',
    cwd: root,
    plugins: [
      {
        name: 'the program',
        resolveId: (id) => (id === 'worker' ? join(root, 'worker.js') : null),
        load: (id) => (id === join(root, 'worker.js') ? program : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'iife', name: 'worker', codeSplitting: false });
  await bundle.close();
  const [{ imports, code }] = output;
  expect(imports).toEqual([]);
  return code;
}

test('`ripstop`, chutes and the Web adapters bundle for a browser without a trace of Node, and run there', async () => {
  const code = await bundled();
  expect(code).not.toMatch(/(?:from|import|require)\s*\(?\s*['"]node:/);
  const scope = createContext({ ...web });
  runInContext(code, scope);
  const worker = runInContext('worker', scope) as Worker;
  const post = (path: string, body: unknown): Request =>
    new Request(`http://127.0.0.1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-correlation-id': 'abc' },
      body: JSON.stringify(body),
    });
  expect(await (await worker.answer(post('/double', { number: 21 }))).json()).toEqual({ doubled: 42 });
  expect(await (await worker.answer(post('/context', {}))).json()).toEqual({ id: 'abc' });
  expect(await (await worker.answer(post('/tries', {}))).json()).toEqual({ tries: 2 });
  expect(await (await worker.answer(new Request('http://127.0.0.1/words'))).text()).toContain('data: {"word":"one"}');
  expect(await worker.picture()).toMatchObject({ media_type: 'image/jpeg', image: '/9j/4AAQSkZJRgAB' });
  expect((await worker.route.POST(post('/nothing', {}))).status).toBe(404);
  const refused = await worker.own(post('/', {}));
  expect([refused.status, refused.headers.get('x-correlation-id'), worker.hono]).toEqual([429, 'abc', 'function']);
});
