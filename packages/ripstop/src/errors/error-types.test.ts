import { describe, expect, test } from 'vitest';
import { createError } from './create-error.js';
import { errorTypes } from './error-table.js';
import type { ErrorType } from './error-types.js';

const all = Object.keys(errorTypes) as ErrorType[];

/** Status under the plain profile, and on the Chutes platform, as the contract has them (D8, D9, D122). */
const statuses: Record<ErrorType, readonly [http: number, chutes: number]> = {
  invalid_input: [400, 400],
  validation_error: [422, 400],
  context_length_exceeded: [400, 400],
  content_filtered: [400, 400],
  authentication_failed: [401, 400],
  permission_denied: [403, 400],
  model_not_found: [404, 400],
  rate_limited: [429, 429],
  quota_exceeded: [429, 429],
  model_overloaded: [503, 429],
  model_loading_failed: [503, 429],
  inference_timeout: [504, 500],
  out_of_memory: [507, 500],
  generation_failed: [500, 500],
  upstream_unavailable: [502, 500],
  invalid_response: [502, 500],
  stream_interrupted: [502, 500],
  cancelled: [499, 499],
  internal_error: [500, 500],
};

describe('the table', () => {
  test("R7 R8 R9 R10 R11 R12 R13 R14: the guide's seven types exist under their wire names", () => {
    expect(all).toEqual(
      expect.arrayContaining([
        'model_loading_failed',
        'inference_timeout',
        'out_of_memory',
        'invalid_input',
        'model_overloaded',
        'generation_failed',
        'context_length_exceeded',
      ]),
    );
  });

  test.each(all)('R87 R88 R89 R90 R91 R92 D8: %s has its status in both profiles', (errorType) => {
    const error = createError(errorType);
    expect([error.statusFor('http'), error.statusFor('chutes')]).toEqual(statuses[errorType]);
    expect([error.status, error.statusCode]).toEqual([statuses[errorType][0], statuses[errorType][0]]);
    expect(error.getResponse().status).toBe(statuses[errorType][0]);
    expect(error.getResponse({ profile: 'chutes' }).status).toBe(statuses[errorType][1]);
  });

  test('D8 D122: a fault of the caller is never a 5xx, and on Chutes only 400, 429 and 5xx leave the house', () => {
    for (const [errorType, { origin, http, chutes }] of Object.entries(errorTypes)) {
      if (origin === 'client') expect(http, errorType).toBeLessThan(500);
      if (errorType !== 'cancelled') expect([400, 429, 500], errorType).toContain(chutes);
    }
  });

  test.each(all)(
    '%s: the error of a type known only at run time has that type, its class, and a plain sentence',
    (errorType) => {
      const error = createError(errorType, { message: undefined, retryAfterMs: 1_500, correlationId: 'abc' });
      expect(error).toMatchObject({
        errorType,
        isRetryable: errorTypes[errorType].retryable,
        origin: errorTypes[errorType].origin,
        retryAfterMs: 1_500,
        correlationId: 'abc',
      });
      expect((error.constructor as unknown as { errorType: unknown }).errorType).toBe(errorType);
      expect(error.name).toBe(error.constructor.name);
      expect(error.message).toMatch(/^[A-Z].*[^.]$/);
    },
  );

  test('what is retried may also move on to the next model, and what the caller did wrong counts against nobody', () => {
    for (const [errorType, { retryable, nextModel, origin, breaker }] of Object.entries(errorTypes)) {
      if (retryable) expect(nextModel, errorType).toBe('yes');
      if (origin === 'client') expect(['ignores', 'benches_credential'], errorType).toContain(breaker);
    }
  });
});
