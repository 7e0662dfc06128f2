import { expect, test } from 'vitest';
import { errorContext } from '../call/error-context.js';
import type { ReportedEvent } from '../call/events.js';
import { InferenceTimeoutError } from '../errors/upstream-errors.js';
import { openaiModel } from '../models/openai-client.js';
import { coalesce } from '../policies/coalesce.js';
import { retry } from '../policies/retry.js';
import { chatAnswer, scriptedUpstream } from '../testing/scripted-upstream.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { createChute } from './chute.js';
import type { Logger } from './logger.js';

interface Line {
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

function recorder(): { readonly logger: Logger; readonly lines: Line[] } {
  const lines: Line[] = [];
  const add = (fields: object, message: string): void =>
    void lines.push({ message, fields: fields as Record<string, unknown> });
  return { lines, logger: { debug: add, info: add, warn: add, error: add } };
}

const post = (id: string, body: unknown = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-correlation-id': id },
  body: JSON.stringify(body),
});

test('R80 R93 D61: a chute has its error handler from the start, and no hook need install it', async () => {
  const { logger, lines } = recorder();
  const chute = createChute({ name: 'x', logger }, virtualRuntime());
  await chute.request('/nowhere', post('a'));
  expect(lines).toMatchObject([{ fields: { correlation_id: 'a', error_type: 'invalid_input', status: 404 } }]);
  expect(chute.errorHandler.statistics()).toMatchObject({ total_errors: 1, error_types: { invalid_input: 1 } });
});

test('D43 D47 R81 R85: the line of an error says what was being done, and to whom it belongs', async () => {
  const { logger, lines } = recorder();
  const chute = createChute({ name: 'x', logger }, virtualRuntime()).cord('generate', {}, () =>
    errorContext.operation('inference', { model: 'small', prompt: 'canary' }, () =>
      Promise.reject(new InferenceTimeoutError(5_000)),
    ),
  );
  const response = await chute.request('/generate', post('a'));
  expect(response.status).toBe(504);
  expect(lines).toMatchObject([
    {
      message: 'Error in inference: Model inference timed out after 5 seconds',
      fields: { correlation_id: 'a', route: '/generate', context: { operation: 'inference', model: 'small' } },
    },
  ]);
  expect(`${JSON.stringify(lines)}${await response.text()}`).not.toContain('canary');
});

test('R81 R84: the guard and the middlewares of a request run in its context too, on paths that do not exist as well', async () => {
  const { logger, lines } = recorder();
  const seen: unknown[] = [];
  const chute = createChute(
    {
      name: 'x',
      logger,
      guard: async () => {
        await Promise.resolve();
        seen.push(['guard', errorContext.current()]);
      },
    },
    virtualRuntime(),
  )
    .use(async (_, next) => {
      const answer = await next();
      seen.push(['middleware', errorContext.current()]);
      return answer;
    })
    .cord('generate', {}, () => 'ok')
    .cord(
      'closed',
      { guard: () => errorContext.operation('asking who it is', () => Promise.reject(new Error('x'))) },
      () => 1,
    );
  await chute.request('/generate', post('a'));
  await chute.request('/closed', post('b'));
  await chute.request('/nowhere', post('c'));
  const around = { correlationId: 'a', route: '/generate' };
  expect(seen).toEqual([
    ['guard', around],
    ['middleware', around],
    ['guard', { correlationId: 'c' }],
  ]);
  expect(lines[0]).toMatchObject({
    message: 'Error in asking who it is: An unexpected error occurred',
    fields: { correlation_id: 'b', route: '/closed', context: { operation: 'asking who it is' } },
  });
  expect(errorContext.current()).toEqual({});
});

test('a chute without error contexts runs nothing in one, and its lines still name the request', async () => {
  const { logger, lines } = recorder();
  const seen: unknown[] = [];
  const chute = createChute({ name: 'x', logger, errorContext: 'none', guard: () => look() }, virtualRuntime())
    .use((_, next) => {
      look();
      return next();
    })
    .cord('generate', {}, () => {
      look();
      throw new InferenceTimeoutError(5_000);
    });
  function look(): void {
    seen.push(errorContext.current());
  }
  await chute.request('/generate', post('a'));
  expect(seen).toEqual([{}, {}, {}]);
  expect(lines).toMatchObject([{ fields: { correlation_id: 'a', route: '/generate' } }]);
});

test('D44: a thousand requests at once, streams among them, each know their own context and no other', async () => {
  const { logger, lines } = recorder();
  const runtime = virtualRuntime({ seed: 11 });
  const pause = (): Promise<void> =>
    new Promise((resolve) => void runtime.clock.after(1 + Math.floor(runtime.random() * 20), resolve));
  const own = (id: string): string => (errorContext.current().correlationId === id ? 'own' : 'foreign');
  const chute = createChute({ name: 'x', logger }, runtime)
    .cord('whole', {}, async ({ context: { correlationId: id } }) => {
      await pause();
      return errorContext.operation('inference', { who: id }, async () => {
        await pause();
        throw new Error(own(id));
      });
    })
    .cord('stream', { stream: 'ndjson' }, async function* ({ context: { correlationId: id } }) {
      for (let index = 0; index < 3; index += 1) {
        await pause();
        yield own(id);
      }
      throw await errorContext.operation('decoding', { who: id }, async () => {
        await pause();
        throw new Error('x');
      });
    });
  const ids = Array.from({ length: 1_000 }, (_, index) => `r-${index}`);
  const ask = async (id: string, index: number): Promise<string> => {
    const response = await chute.request(index % 2 === 0 ? '/whole' : '/stream', post(id));
    return response.text();
  };
  const answers = Promise.all(ids.map(ask));
  await runtime.clock.runAll();
  for (const [index, text] of (await answers).entries()) {
    expect(text).toContain(`"correlation_id":"r-${index}"`);
    if (index % 2 === 1) expect(text.split('\n').slice(0, 3)).toEqual(['"own"', '"own"', '"own"']);
  }
  expect(lines).toHaveLength(1_000);
  for (const { fields } of lines) {
    expect(fields['context']).toMatchObject({ who: fields['correlation_id'] });
  }
  expect(new Set(lines.map(({ fields }) => fields['correlation_id'])).size).toBe(1_000);
});

test('D44 D57: requests that share a call and its error have a line each, with nothing of the other', async () => {
  const { logger, lines } = recorder();
  const runtime = virtualRuntime();
  const shared = coalesce({ key: () => 'same' }, runtime);
  const chute = createChute({ name: 'x', logger }, runtime).cord('generate', {}, ({ context }) =>
    errorContext.operation('asking', { who: context.correlationId }, () =>
      shared.execute(
        () => new Promise((_, reject) => void runtime.clock.after(5, () => reject(new InferenceTimeoutError(5)))),
        { context },
      ),
    ),
  );
  const answers = Promise.all(['a', 'b'].map((id) => chute.request('/generate', post(id))));
  await runtime.clock.runAll();
  expect((await answers).map(({ headers }) => headers.get('x-correlation-id'))).toEqual(['a', 'b']);
  expect(lines.map(({ fields }) => [fields['correlation_id'], fields['context']])).toEqual([
    ['a', { operation: 'asking', who: 'a' }],
    ['b', { operation: 'asking', who: 'b' }],
  ]);
});

test('R84: the id of a request goes along to the upstream and to every event, without a word from the handler', async () => {
  const upstream = await scriptedUpstream([{ kind: 'json', body: chatAnswer('ok') }]);
  try {
    const runtime = virtualRuntime();
    const events: ReportedEvent[] = [];
    runtime.events.on((event) => events.push(event));
    const model = openaiModel({ url: upstream.url, model: 'gpt-x' });
    const attempts = retry({ attempts: 1 }, runtime);
    const chute = createChute({ name: 'x' }, runtime).cord('generate', {}, async () => {
      await attempts.execute(() => Promise.reject(new InferenceTimeoutError(1))).catch(() => undefined);
      return model.generate('Hi');
    });
    expect((await chute.request('/generate', post('req-1'))).status).toBe(200);
    expect(upstream.requests[0]?.headers['x-correlation-id']).toBe('req-1');
    expect(events).toMatchObject([
      { type: 'retry.stopped', correlationId: 'req-1' },
      { type: 'request.finished', correlationId: 'req-1', route: '/generate', status: 200 },
    ]);
  } finally {
    await upstream.close();
  }
});
