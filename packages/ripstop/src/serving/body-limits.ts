/** What a request body may be: how large, how slow, how deep. The same limits hold behind every adapter (I10). */
import { assertCount, assertPositive, type Defaults, withDefaults } from '../call/options.js';
import type { Clock } from '../call/runtime.js';
import { InvalidInputError } from '../errors/input-errors.js';
import { jsonLimitDefaults } from '../input/json-limits.js';
import type { BodyReader, ExchangeRequest } from './exchange.js';

/** Limits on request bodies, of a chute or of one cord. */
export interface BodyLimitOptions {
  /** The largest body, in bytes; 413 beyond. Default: 10 MiB. */
  readonly bodyLimitBytes?: number | undefined;
  /** How long a body may take to arrive, in milliseconds; 408 beyond. Default: 60 000; `Infinity` for no limit. */
  readonly bodyTimeoutMs?: number | undefined;
  /** How deep objects and lists may be nested; 400 beyond. Default: 128. */
  readonly maxJsonDepth?: number | undefined;
  /** How many members all objects and items all lists may have together; 413 beyond. Default: 100 000. */
  readonly maxJsonFields?: number | undefined;
}

type LimitNames = 'bodyLimitBytes' | 'bodyTimeoutMs' | 'maxJsonDepth' | 'maxJsonFields';

export type BodyLimits = Defaults<BodyLimitOptions, LimitNames>;

/** What bodies may be unless told otherwise. */
export const bodyLimitDefaults: BodyLimits = {
  bodyLimitBytes: 10 * 1024 * 1024,
  bodyTimeoutMs: 60_000,
  maxJsonDepth: jsonLimitDefaults.maxDepth,
  maxJsonFields: jsonLimitDefaults.maxFields,
};

/** @throws RangeError for a bad limit. */
export function bodyLimits(options: BodyLimitOptions, defaults: BodyLimits = bodyLimitDefaults): BodyLimits {
  const { bodyLimitBytes, bodyTimeoutMs, maxJsonDepth, maxJsonFields } = options;
  const limits = withDefaults(defaults, { bodyLimitBytes, bodyTimeoutMs, maxJsonDepth, maxJsonFields });
  assertPositive('bodyLimitBytes', limits.bodyLimitBytes);
  assertPositive('bodyTimeoutMs', limits.bodyTimeoutMs);
  assertCount('maxJsonDepth', limits.maxJsonDepth);
  assertCount('maxJsonFields', limits.maxJsonFields);
  return limits;
}

/**
 * Tells the reader of the body, within its limits of size and time, or of what is wrong with it: an InvalidInputError
 * 413 when it is too large, 408 when it is too slow.
 */
export function readLimited(request: ExchangeRequest, limits: BodyLimits, clock: Clock, reader: BodyReader): void {
  const { bodyLimitBytes, bodyTimeoutMs } = limits;
  if (request.readBodyByCall !== undefined) return request.readBodyByCall(reader, bodyLimitBytes, bodyTimeoutMs);
  inTime(request.readBody(bodyLimitBytes, bodyTimeoutMs), bodyTimeoutMs, clock).then(
    (body) => reader.arrived(body),
    (error: unknown) => reader.broke(error),
  );
}

function inTime<T>(reading: Promise<T>, limitMs: number, clock: Clock): Promise<T> {
  if (limitMs === Number.POSITIVE_INFINITY) return reading;
  return new Promise((resolve, reject) => {
    const timer = clock.after(limitMs, () => reject(tooSlow(limitMs)));
    reading.then(resolve, reject).finally(() => timer.cancel());
  });
}

function tooSlow(bodyTimeoutMs: number): InvalidInputError {
  return new InvalidInputError('The request body did not arrive in time', {
    status: 408,
    details: { timeout_seconds: bodyTimeoutMs / 1000 },
  });
}
