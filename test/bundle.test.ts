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
  expect((await worker.route.POST(post('/nothing', {}))).status).toBe(404);
  const refused = await worker.own(post('/', {}));
  expect([refused.status, refused.headers.get('x-correlation-id'), worker.hono]).toEqual([429, 'abc', 'function']);
});
