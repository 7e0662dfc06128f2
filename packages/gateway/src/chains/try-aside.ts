import type { Next, Policy } from 'ripstop/policies';

/** Long enough for any first content that a chain would wait for; the model client's own limits are shorter, as a rule. */
const longestMs = 30_000;

/**
 * A copy of a request that nobody waits for: the trial of an upstream that has been silent, so that no caller is kept
 * waiting by it (GW11). The policy judges it; a stream, at its end.
 */
export function tryAside<T>(under: Policy, next: Next<T>, good: () => void): void {
  const read = async (): Promise<void> => {
    const answer: unknown = await under.execute((context) => next(context), { deadlineMs: longestMs });
    if (isStream(answer)) for await (const _ of answer);
    good();
  };
  // The breaker has been told of a failure, and there is nobody else to tell.
  read().catch(() => undefined);
}

function isStream(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
