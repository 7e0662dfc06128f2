/** What the comparisons have in common: the real cockatiel, opossum and p-retry, and a service that is down. */
import { createRequire } from 'node:module';
import * as cockatiel from 'cockatiel';
import { type CircuitBreaker, circuitBreaker, createError } from 'ripstop';
import { virtualRuntime } from 'ripstop/testing';

/** A heading of the page, and what shows that it is true. */
export type Shown = Record<string, () => Promise<void>>;

/** As much of opossum as is used here; it brings no types. */
export interface Opossum {
  fire(...args: unknown[]): Promise<unknown>;
  fallback(standIn: (...args: never[]) => unknown): void;
  on(event: string, listener: (...args: never[]) => void): void;
  open(): void;
  disable(): void;
  shutdown(): void;
  readonly opened: boolean;
  readonly closed: boolean;
  readonly halfOpen: boolean;
  readonly options: Readonly<Record<string, unknown>>;
  readonly volumeThreshold: number;
}
type OpossumClass = new (action: (...args: never[]) => unknown, options: Record<string, unknown>) => Opossum;
const Opossum = createRequire(import.meta.url)('opossum') as OpossumClass;

const opened: Opossum[] = [];
/** Without a timeout of its own, unless the options have one. */
export function opossum(action: (...args: never[]) => unknown, options: Record<string, unknown> = {}): Opossum {
  const breaker = new Opossum(action, { timeout: false, ...options });
  opened.push(breaker);
  return breaker;
}
export function shutDownAll(): void {
  for (const breaker of opened.splice(0)) breaker.shutdown();
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
export const never = new Promise<never>(() => undefined);
export const down = createError('upstream_unavailable', { message: 'down' });
export const fails = (): Promise<never> => Promise.reject(down);

/** What a call ended in. */
export async function outcome(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => error);
}

export function cockatielRetry(maxAttempts: number, backoffMs = 0): cockatiel.RetryPolicy {
  return cockatiel.retry(cockatiel.handleAll, { maxAttempts, backoff: new cockatiel.ConstantBackoff(backoffMs) });
}

export function cockatielBreaker(
  failures: number,
  halfOpenAfter = 20,
  handled = cockatiel.handleAll,
): cockatiel.CircuitBreakerPolicy {
  return cockatiel.circuitBreaker(handled, { halfOpenAfter, breaker: new cockatiel.ConsecutiveBreaker(failures) });
}

/** One of ours that opens at the first failure, on a clock of its own. */
export function ourBreaker(): {
  readonly breaker: CircuitBreaker;
  readonly runtime: ReturnType<typeof virtualRuntime>;
} {
  const runtime = virtualRuntime();
  return { breaker: circuitBreaker({ consecutive: 1, cooldownMs: 20 }, runtime), runtime };
}
