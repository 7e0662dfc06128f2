// What errors leave behind: rates, patterns, and a word when there are suddenly many.
import type { ReportedEvent } from 'ripstop';
import { errorMetrics } from 'ripstop/observation';
import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';

test('R165: errors have a rate by type, and patterns of type and operation', () => {
  const metrics = errorMetrics({}, virtualRuntime());
  metrics.recordError('ModelError', 'Test error 1', { operation: 'inference' });
  metrics.recordError('ValidationError', 'Test error 2', { operation: 'input_validation' });
  metrics.recordError('ModelError', 'Test error 3', { operation: 'inference' });
  expect(metrics.getErrorRate('ModelError', 60)).toBe(2);
  expect(metrics.getErrorRate()).toBe(3);
  expect(metrics.getTopErrorPatterns()).toContainEqual(['ModelError:inference', 2]);
});

test('R165 D125: a minute of many errors after a quiet hour is a spike, told once, and once that it is over', async () => {
  const runtime = virtualRuntime();
  const told: ReportedEvent['type'][] = [];
  runtime.events.on(({ type }) => told.push(type), { name: 'test' });
  const metrics = errorMetrics({}, runtime);
  for (let minute = 0; minute < 60; minute += 1) {
    metrics.recordError('ModelError', 'now and then', { operation: 'inference' });
    await runtime.clock.advance(60_000);
  }
  expect(metrics.detectErrorSpikes()).toEqual([]);
  for (let error = 0; error < 20; error += 1) metrics.recordError('ModelError', 'many', { operation: 'inference' });
  expect(metrics.detectErrorSpikes()).toMatchObject([{ type: 'error_spike', error_type: 'ModelError' }]);
  for (let second = 0; second < 600; second += 1) {
    await runtime.clock.advance(1_000);
    metrics.recordSuccess('inference', 40);
  }
  expect(metrics.detectErrorSpikes()).toEqual([]);
  expect(told.filter((type) => type.startsWith('spike.'))).toEqual(['spike.started', 'spike.ended']);
});
