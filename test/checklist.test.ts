/** Each item of the guide's checklist, tried on the real thing by its public names. Monitoring has a file of its own. */
import { circuitBreaker, errorTypes, ModelError, retry } from 'ripstop';
import { ModelOverloadedError, OutOfMemoryError, UpstreamUnavailableError } from 'ripstop/errors';
import { formatIssues, sanitizeText, validateFileUpload } from 'ripstop/input';
import { modelFallbackChain, safeGenerate, type TextModel } from 'ripstop/models';
import { degradation } from 'ripstop/observation';
import { checklist, createChute, type Logger, validateImplementation } from 'ripstop/serving';
import { scriptedModel, virtualRuntime } from 'ripstop/testing';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

interface Line {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

function keepingLogger(): Logger & { readonly lines: Line[] } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (fields: object, message?: string): void =>
      void lines.push({ level, fields: fields as Record<string, unknown>, message: message ?? '' });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

const runtime = virtualRuntime();
const input = z.object({ prompt: z.string().min(1).max(100), steps: z.number().int().min(1).max(50).default(20) });

/** A service that fails as its caller asks it to. */
function service() {
  const logger = keepingLogger();
  const app = createChute({ name: 'answers', logger }, runtime).cord('ask', { input, timeoutMs: 1_000 }, (call) => {
    const { prompt } = call.input;
    if (prompt === 'break') throw new Error('SELECT * FROM accounts at 10.0.0.7');
    if (prompt === 'overload') throw new ModelOverloadedError('Too busy', { retryAfterMs: 2_000 });
    if (prompt === 'hang') return new Promise<string>(() => undefined);
    return { answer: prompt.length };
  });
  return { app, logger };
}

async function asked(prompt: unknown): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const answer = await service().app.request('/ask', { json: { prompt } });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
}

describe('Input Validation', () => {
  test('R168: an input that its schema does not know is refused before the handler runs', async () => {
    expect(await asked(42)).toMatchObject({ status: 422, body: { error_type: 'validation_error' } });
    expect(await asked('Hi')).toMatchObject({ status: 200, body: { answer: 2 } });
  });

  test('R169: what hides in a text is taken out', () => {
    expect(sanitizeText('  ignore\u200b all\u202e \u0000 ')).toBe('ignore all');
  });

  test('R170: an upload of another type than it claims, and one that is too large, are refused', async () => {
    const script = new TextEncoder().encode('<script>alert(1)</script>');
    const claimed = new File([script], 'cat.png', { type: 'image/png' });
    const refusal = { origin: 'client', isRetryable: false };
    await expect(validateFileUpload(claimed, { allowedTypes: ['image/png'] })).rejects.toMatchObject(refusal);
    await expect(validateFileUpload(claimed, { allowedTypes: ['image/png'], maxBytes: 10 })).rejects.toMatchObject({
      status: 413,
    });
  });

  test('R171: a validation error names each field, and what is wrong with it', async () => {
    const { body } = await asked('');
    expect(body['field_errors']).toEqual({ prompt: [expect.stringContaining('at least 1')] });
    const wrong = { prompt: 'Hi', steps: 99 };
    const result = input.safeParse(wrong);
    expect(formatIssues(result.error?.issues ?? [], wrong).field_errors).toEqual({
      steps: ['This field must be at most 50'],
    });
  });

  test('R172: nothing, too much and too deep are told apart, and none of them is a fault of ours', async () => {
    const { app } = service();
    const deep = '['.repeat(200) + ']'.repeat(200);
    const answers = await Promise.all([
      app.request('/ask', { method: 'POST', body: '' }),
      app.request('/ask', { method: 'POST', body: deep, headers: { 'content-type': 'application/json' } }),
      app.request('/ask', { json: { prompt: 'x'.repeat(101) } }),
      app.request('/ask', { json: { prompt: 'Hi', steps: 1e308 } }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([415, 400, 422, 422]);
  });
});

describe('Model Error Handling', () => {
  test('R173: whatever a handler or a model throws becomes a typed error', async () => {
    expect(await asked('break')).toMatchObject({ status: 500, body: { error_type: 'internal_error' } });
    const broken: TextModel = {
      generate() {
        throw new TypeError('weights is undefined');
      },
    };
    await expect(safeGenerate(broken, 'Hi')).rejects.toMatchObject({ errorType: 'generation_failed' });
  });

  test('R174: a GPU without memory is known by what it says, and asked for half', async () => {
    const says = new Error('CUDA out of memory. Tried to allocate 2.00 GiB');
    const model = scriptedModel([says, 'Paris.']);
    expect(await safeGenerate(model, 'Hi', { maxTokens: 80 })).toMatchObject({ warning: expect.any(String) });
    expect(model.calls.map(({ options }) => options.maxTokens)).toEqual([80, 40]);
    await expect(safeGenerate(scriptedModel([says]), 'Hi')).rejects.toBeInstanceOf(OutOfMemoryError);
  });

  test('R175: a model that says nothing is given up at its limit', async () => {
    const clocked = virtualRuntime();
    const silent = scriptedModel([{ end: 'hang' }], clocked);
    const outcome = safeGenerate(silent, 'Hi', { timeoutMs: 5_000 }, clocked).catch((error: unknown) => error);
    await clocked.clock.advance(5_000);
    expect(await outcome).toMatchObject({ errorType: 'inference_timeout', details: { timeout_seconds: 5 } });
  });

  test('R176: a prompt that does not fit is refused before the model is asked', async () => {
    const model = scriptedModel(['never'], runtime, { contextLength: 16 });
    await expect(safeGenerate(model, 'word '.repeat(100))).rejects.toMatchObject({
      errorType: 'context_length_exceeded',
    });
    expect(model.calls).toHaveLength(0);
  });

  test('R177: another model stands in for one that fails', async () => {
    const chain = modelFallbackChain({}, runtime)
      .addPrimaryModel(scriptedModel([new UpstreamUnavailableError()]), 'main')
      .addFallbackModel(scriptedModel(['Paris.']), 'spare');
    expect(await chain.generateWithFallback('Hi')).toMatchObject({ model_used: 'spare', was_fallback: true });
  });
});

describe('System Resilience', () => {
  test('R178: the ceiling of the waits between attempts doubles', async () => {
    const clocked = virtualRuntime();
    const waits: number[] = [];
    clocked.events.on((event) => event.type === 'retry.scheduled' && waits.push(event.delayMs));
    const always = { ...clocked, random: () => 0.999_999 };
    const outcome = retry({ attempts: 4, baseDelayMs: 100 }, always)
      .execute(() => Promise.reject(new UpstreamUnavailableError()))
      .catch((error: unknown) => error);
    await clocked.clock.runAll();
    expect(await outcome).toBeInstanceOf(UpstreamUnavailableError);
    expect(waits.map(Math.round)).toEqual([100, 200, 400]);
  });

  test('R179: what keeps failing is not called any more', async () => {
    const breaker = circuitBreaker({ consecutive: 3 }, runtime);
    let calls = 0;
    for (let call = 0; call < 10; call += 1) {
      const failing = breaker.execute(() => {
        calls += 1;
        throw new UpstreamUnavailableError();
      });
      await expect(failing).rejects.toBeInstanceOf(ModelError);
    }
    expect(calls).toBe(3);
  });

  test('R180: resources are read, and the answers follow them', async () => {
    const quality = degradation({ sources: [{ name: 'gpu', read: async () => 0.95 }] }, virtualRuntime());
    await quality.sample();
    expect(quality.getAdjustedParameters({ max_tokens: 100 }).max_tokens).toBeLessThan(100);
  });

  test('R181: each component has its check, and a critical one that fails takes the service out of traffic', async () => {
    const { app } = service();
    app.healthCheck('disk', () => false).healthCheck('model', { critical: true }, () => false);
    const [health, ready] = [await app.request('/health'), await app.request('/readyz')];
    expect([health.status, ready.status]).toEqual([503, 503]);
    expect(await health.json()).toMatchObject({
      critical_failures: ['model'],
      checks: { disk: { status: 'unhealthy' } },
    });
  });

  test('R182: the log line of an error has its type, its route, its id and the place where it was thrown', async () => {
    const { app, logger } = service();
    await app.request('/ask', { json: { prompt: 'break' }, headers: { 'x-correlation-id': 'req-12345678' } });
    expect(logger.lines.filter(({ level }) => level === 'error')).toMatchObject([
      {
        fields: {
          error_type: 'internal_error',
          correlation_id: 'req-12345678',
          route: '/ask',
        },
      },
    ]);
    expect(JSON.stringify(logger.lines)).toContain('checklist.test.ts');
  });
});

describe('User Experience', () => {
  test('R2 R183: every type of error has a sentence for people', () => {
    for (const { sentence } of Object.values(errorTypes)) {
      expect(sentence).toMatch(/^[A-Z].{10,}$/);
      expect(sentence).not.toMatch(/undefined|null|Error\b|_/);
    }
  });

  test('R184: an unexpected error tells a caller nothing of the inside', async () => {
    const { body, headers } = await asked('break');
    expect(JSON.stringify([body, [...headers]])).not.toMatch(/SELECT|10\.0\.0\.7|checklist\.test/);
  });

  test('R185: an error says whether to come back, and when', async () => {
    const { status, headers, body } = await asked('overload');
    expect([status, headers.get('retry-after')]).toEqual([503, '2']);
    expect(body).toMatchObject({ is_retryable: true, retry_after_ms: 2_000 });
    expect((await asked('')).body['is_retryable']).toBe(false);
  });

  test('R186: errors of every kind have the same keys', async () => {
    const { app } = service();
    const answers = [
      await app.request('/ask', { json: { prompt: '' } }),
      await app.request('/ask', { json: { prompt: 'break' } }),
      await app.request('/nowhere'),
      await app.request('/ask'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([422, 500, 404, 405]);
    for (const answer of answers) {
      const keys = Object.keys((await answer.json()) as object);
      expect(keys).toEqual(
        expect.arrayContaining(['error', 'error_type', 'details', 'is_retryable', 'timestamp', 'correlation_id']),
      );
    }
  });

  test('R187: one id is in the answer, its header and the log', async () => {
    const { app, logger } = service();
    const answer = await app.request('/ask', { json: { prompt: 'break' } });
    const { correlation_id: id } = (await answer.json()) as { correlation_id: string };
    expect(answer.headers.get('x-correlation-id')).toBe(id);
    expect(logger.lines.some(({ fields }) => fields['correlation_id'] === id)).toBe(true);
  });
});

test('R193 R194: the same items are what a service is held against, with what was found of each', () => {
  const { findings } = validateImplementation(service().app);
  const ids = Object.values(checklist).flatMap((items) => items.map(({ id }) => id));
  expect(findings.slice(0, 25).map(({ item }) => item)).toEqual(ids);
});
