import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { sanitizeText } from '../../input/sanitize-text.js';
import { modelFallbackChain } from '../../models/fallback-chain.js';
import { safeGenerate } from '../../models/safe-generate.js';
import { alerts } from '../../observation/alerts.js';
import { degradation } from '../../observation/degradation.js';
import { errorMetrics } from '../../observation/error-metrics.js';
import { circuitBreaker } from '../../policies/circuit-breaker.js';
import { fallback } from '../../policies/fallback.js';
import { pipeline } from '../../policies/policy.js';
import { retry } from '../../policies/retry.js';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import { createChute } from '../chute.js';
import { createErrorHandler } from '../error-handler.js';
import { checklist, serviceItems } from './checklist.js';
import type { FindingStatus } from './finding.js';
import { type ImplementationReport, validateImplementation } from './validate-implementation.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const prompt = z.object({ prompt: z.string().min(1).max(10_000) });
const answers = { contextLength: 4_096, generate: () => 'Paris.' };

function found(report: ImplementationReport, item: string): [FindingStatus, string] {
  const finding = report.findings.find((candidate) => candidate.item === item);
  if (finding === undefined) throw new Error(`no finding of ${item}`);
  return [finding.status, finding.found];
}

function statuses(report: ImplementationReport): Record<string, FindingStatus> {
  return Object.fromEntries(report.findings.map(({ item, status }) => [item, status]));
}

describe('a chute with everything', () => {
  const runtime = virtualRuntime();
  const chain = modelFallbackChain({}, runtime).addPrimaryModel(answers, 'main').addFallbackModel(answers, 'spare');
  const policy = pipeline(retry({}, runtime), circuitBreaker({}, runtime));
  const options = { input: prompt, policy, timeoutMs: 5_000, concurrency: 8 };
  const guard = (): void => undefined;
  const app = createChute({ name: 'full', logger: quiet, deadlineMs: 30_000, guard }, runtime)
    .onStartup(() => ({ chain, model: answers, quality: degradation({}, runtime) }))
    .healthCheck('model', { critical: true }, () => true)
    .cord('ask', options, ({ state, input }) => state.chain.generateWithFallback(input.prompt));
  const stopCounting = errorMetrics({}, runtime).listen();
  const watch = alerts([{ name: 'pager', send: async () => 'taken' }], {}, runtime);
  afterAll(async () => {
    stopCounting();
    await watch.close();
  });

  test('R194 D126: meets whatever can be seen, and what cannot is unknown until it is named', async () => {
    await app.start();
    const report = validateImplementation(app);
    expect(report).toMatchObject({
      has_error_handler: true,
      has_health_checks: true,
      has_error_metrics: true,
      has_fallback_chain: true,
    });
    const notMet = report.findings.filter(({ status }) => status !== 'met');
    expect(notMet.map(({ item, status }) => [item, status])).toEqual([
      ['sanitized_text', 'unknown'],
      ['checked_uploads', 'unknown'],
      ['cors', 'not_applicable'],
      ['drain', 'unknown'],
    ]);
    expect(found(validateImplementation(app, { parts: [sanitizeText] }), 'sanitized_text')[0]).toBe('met');
  });

  test('D126: every finding has its item, what was seen and a page; whatever is not met has advice', () => {
    const { findings } = validateImplementation(app);
    const ids = [...Object.values(checklist).flat(), ...serviceItems].map(({ id }) => id);
    expect(findings.map(({ item }) => item)).toEqual(ids);
    for (const { status, text, found: seen, advice, page } of findings) {
      expect([text.length > 10, seen.length > 5, page.startsWith('docs/')]).toEqual([true, true, true]);
      expect(advice !== undefined).toBe(status === 'missing' || status === 'unknown');
    }
  });
});

describe('a chute with nothing', () => {
  const runtime = virtualRuntime();
  const app = createChute({ name: 'bare', logger: quiet }, runtime).cord('ask', {}, () => 'Paris.');

  test('R194 D126: is told what is missing, by cord, and is not believed to have what it does not show', () => {
    const report = validateImplementation(app);
    expect(report).toMatchObject({
      has_error_handler: true,
      has_health_checks: false,
      has_error_metrics: false,
      has_fallback_chain: false,
    });
    expect(found(report, 'input_schemas')).toEqual(['missing', 'Without a schema: ask']);
    expect(found(report, 'inference_timeouts')).toEqual(['missing', 'Without a limit: ask']);
    expect(statuses(report)).toMatchObject({
      clear_validation_errors: 'missing',
      edge_cases: 'unknown',
      fallback_models: 'unknown',
      retries: 'unknown',
      circuit_breakers: 'unknown',
      health_checks: 'missing',
      error_metrics: 'missing',
      spike_alerts: 'missing',
      health_monitoring: 'missing',
      deadlines: 'missing',
      concurrency: 'missing',
      guard: 'unknown',
      body_limits: 'met',
      correlation_ids: 'met',
    });
  });

  test('D126: an attribute of the right name that does nothing counts for nothing', () => {
    const named = createChute({ name: 'names', state: { fallback_chain: null, error_metrics: {}, health_checker: 1 } });
    expect(validateImplementation(named)).toMatchObject({
      has_health_checks: false,
      has_error_metrics: false,
      has_fallback_chain: false,
    });
  });

  test('what is no chute is refused', () => {
    const stranger = { errorHandler: createErrorHandler({}, runtime), state: {} };
    expect(() => validateImplementation(stranger)).toThrow('app must be a chute, as createChute() makes it');
  });
});

describe('one item at a time', () => {
  test('a chain of one model has nothing to fall back to', () => {
    const chain = modelFallbackChain().addPrimaryModel(answers, 'main');
    const app = createChute({ name: 'one', state: { chain } }).cord('ask', {}, () => 'Paris.');
    expect(found(validateImplementation(app), 'fallback_models')).toEqual([
      'missing',
      'A chain of one model has nothing to fall back to',
    ]);
    chain.addFallbackModel(answers, 'spare');
    expect(found(validateImplementation(app), 'fallback_models')).toEqual(['met', 'A chain of 2 models: main, spare']);
  });

  test('a fallback policy around a cord counts, and so does a part that is named', () => {
    const policy = fallback(() => 'no answer');
    const app = createChute({ name: 'policy' }).cord('ask', { policy }, () => 'Paris.');
    expect(found(validateImplementation(app), 'fallback_models')[0]).toBe('met');
    expect(found(validateImplementation(app), 'memory_errors')[0]).toBe('unknown');
    expect(found(validateImplementation(app, { parts: [safeGenerate] }), 'memory_errors')[0]).toBe('met');
    expect(found(validateImplementation(app, { parts: [retry()] }), 'retries')[0]).toBe('met');
  });

  test('texts, lists and numbers without a limit are named by cord and path', () => {
    const input = z.object({
      prompt: z.string(),
      size: z.number().max(9),
      seed: z.number().int(),
      kind: z.enum(['a', 'b']),
      messages: z.array(z.object({ content: z.string().max(5) })),
    });
    const app = createChute({ name: 'wide' }).cord('ask', { input }, () => 'Paris.');
    expect(found(validateImplementation(app), 'edge_cases')).toEqual([
      'missing',
      'Without a limit of its own: ask.prompt, ask.size, ask.seed, ask.messages',
    ]);
  });

  test('a model that does not say how large its window is is told of', () => {
    const model = { generate: () => 'Paris.' };
    const app = createChute({ name: 'window', state: { model, other: answers } });
    expect(found(validateImplementation(app), 'context_length')).toEqual([
      'missing',
      '1 of 2 models do not say how large their window is',
    ]);
  });

  test('health checks of which none is critical never take the service out of traffic', () => {
    const app = createChute({ name: 'checks' }).healthCheck('disk', () => true);
    expect(found(validateImplementation(app), 'health_checks')[0]).toBe('missing');
    app.healthCheck('disk', { critical: true }, () => true);
    expect(found(validateImplementation(app), 'health_checks')).toEqual(['met', 'Critical: disk; in all 1']);
  });

  test('an error handler that shows the texts of errors is told of', () => {
    const errorHandler = createErrorHandler({ exposeDetails: 'development', logger: quiet });
    const app = createChute({ name: 'open', errorHandler });
    expect(found(validateImplementation(app), 'hidden_internals')[0]).toBe('missing');
  });

  test('a listener without a name may be what is missing, and is not believed to be', () => {
    const runtime = virtualRuntime();
    const app = createChute({ name: 'nameless', logger: quiet }, runtime);
    expect(found(validateImplementation(app), 'error_metrics')[0]).toBe('missing');
    runtime.events.on(() => undefined);
    expect(found(validateImplementation(app), 'error_metrics')[0]).toBe('unknown');
  });

  test('its own listen() drains', async () => {
    const app = createChute({ name: 'listening', logger: quiet });
    expect(found(validateImplementation(app), 'drain')[0]).toBe('unknown');
    const server = await app.listen({ port: 0, signals: [] });
    expect(found(validateImplementation(app), 'drain')[0]).toBe('met');
    await server.close();
  });

  test('limits that were taken away, and pages of which all may call, are told of', () => {
    const options = { bodyTimeoutMs: Number.POSITIVE_INFINITY, cors: { origins: '*' } } as const;
    const app = createChute({ name: 'wide open', ...options });
    expect(statuses(validateImplementation(app))).toMatchObject({ body_limits: 'missing', cors: 'unknown' });
  });
});
