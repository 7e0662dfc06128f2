import { describe, expect, test } from 'vitest';
import { createError } from '../errors/create-error.js';
import type { ModelError } from '../errors/model-error.js';
import { GenerationFailedError } from '../errors/upstream-errors.js';
import { recordingContext } from '../testing/recording-context.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { type CircuitBreaker, circuitBreaker } from './circuit-breaker.js';

const down = new GenerationFailedError('down');

function rejection(breaker: CircuitBreaker): unknown {
  try {
    return breaker.acquire();
  } catch (error) {
    return error;
  }
}

describe('what the layers outside learn from a failure', () => {
  test('RT2: until when no attempt can succeed, if it opened the breaker', async () => {
    const runtime = virtualRuntime();
    await runtime.clock.advance(500);
    const context = recordingContext(undefined, runtime);
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 2_000 }, runtime);
    await expect(breaker.run(() => Promise.reject(down), context)).rejects.toBe(down);
    expect(context.notBefore).toBe(2_500);
  });

  test('RT2: nothing, if the breaker stayed closed', async () => {
    const runtime = virtualRuntime();
    await runtime.clock.advance(500);
    const context = recordingContext(undefined, runtime);
    await expect(circuitBreaker({}, runtime).run(() => Promise.reject(down), context)).rejects.toBe(down);
    expect(context.notBefore).toBe(0);
  });
});

describe('a rejection', () => {
  test('D41 B2: names a reason for being open only where no failures are it', () => {
    const breaker = circuitBreaker({ name: 'main', consecutive: 1 }, virtualRuntime());
    breaker.acquire().settle('failure', down);
    expect(rejection(breaker)).toHaveProperty('details', {
      reason: 'circuit_open',
      circuit_state: 'OPEN',
      circuit: 'main',
    });
    expect(rejection(breaker)).not.toHaveProperty('details.circuit_cause');
  });

  test('D41 B8: while a trial runs it names no reason either', async () => {
    const runtime = virtualRuntime();
    const breaker = circuitBreaker({ name: 'main', consecutive: 1, cooldownMs: 100 }, runtime);
    breaker.acquire().settle('failure', down);
    await runtime.clock.advance(100);
    breaker.acquire();
    const details = { reason: 'circuit_open', circuit_state: 'HALF_OPEN', circuit: 'main' };
    expect((rejection(breaker) as ModelError).details).toStrictEqual(details);
  });

  test('B2: its cause is the last failure, and not an error that counted for nothing since', async () => {
    const { clock, ...runtime } = virtualRuntime();
    const breaker = circuitBreaker({ consecutive: 1, cooldownMs: 100 }, { clock, ...runtime });
    breaker.acquire().settle('failure', down);
    await clock.advance(100);
    breaker.acquire().settle('ignored', createError('invalid_input'));
    breaker.acquire();
    expect(rejection(breaker)).toHaveProperty('cause', down);
  });
});

test('what can be read of a breaker is listed with it', () => {
  expect({ ...circuitBreaker({}, virtualRuntime()) }).toHaveProperty('name', 'circuit-breaker');
  expect(Object.keys(circuitBreaker())).toEqual(
    expect.arrayContaining(['state', 'retryAfterMs', 'openCause', 'override']),
  );
});
