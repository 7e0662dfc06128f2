// Less for everybody before nothing for some: the levels, and what they do to a request.
import { degradation } from 'ripstop/observation';
import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';

const base = { max_tokens: 100, num_inference_steps: 20, temperature: 0.7 };

test('R166: under high load the level is minimal, and tokens and steps are fewer', () => {
  const quality = degradation({}, virtualRuntime());
  quality.updateSystemLoad(95, 85, 90);
  expect(quality.level).toBe('minimal');
  expect(quality.getAdjustedParameters(base)).toEqual({ max_tokens: 40, num_inference_steps: 8, temperature: 0.7 });
  expect(quality.getDegradationWarning()).toContain('minimal quality mode');
  expect(base.max_tokens).toBe(100);
});

test('R166: at the usual load nothing changes, and nobody is warned', () => {
  const quality = degradation({}, virtualRuntime());
  quality.updateSystemLoad(30, 40, 20);
  expect(quality.level).toBe('full');
  expect(quality.getAdjustedParameters(base)).toEqual(base);
  expect(quality.getDegradationWarning()).toBeNull();
});

test('R166 D125: when the load is gone for long enough, everything is as before', async () => {
  const runtime = virtualRuntime();
  const quality = degradation({}, runtime);
  const changes: string[] = [];
  runtime.events.on((event) => {
    if (event.type === 'degradation.changed') changes.push(`${event.previous} > ${event.level}`);
  });
  quality.updateSystemLoad(95, 85, 90);
  for (let reading = 0; reading < 60; reading += 1) {
    await runtime.clock.advance(5_000);
    quality.updateSystemLoad(10, 10, 10);
  }
  expect(quality.level).toBe('full');
  expect([changes[0], changes.at(-1)?.split(' > ')[1]]).toEqual(['full > minimal', 'full']);
});
