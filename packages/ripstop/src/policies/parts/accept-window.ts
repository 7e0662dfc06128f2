import { assertPositive } from '../../call/options.js';
import type { Clock } from '../../call/runtime.js';

/**
 * How many recent calls wanted to go to a service, and how many of them it took.
 *
 * A call counts from its start, and as accepted until the opposite is known: calls to a model run for minutes, and a
 * caller who has just begun a hundred of them has not been refused once.
 */
export interface AcceptWindow {
  /** Counts a call that goes to the service. Returns its ticket. */
  admit(): number;
  /** The service did not take the call of this ticket. */
  refused(ticket: number): void;
  /** The call of this ticket says nothing about the service, and counts no longer. */
  forget(ticket: number): void;
  /** Counts a call that was not sent. */
  turnAway(): void;
  readonly requests: number;
  readonly accepts: number;
}

const buckets = 10;

/**
 * Ten buckets keyed by the epoch floor(now / width), which is a call's ticket. What is learnt of a call changes the
 * bucket of its start, so that a request and its answer are counted, and forgotten, together; a refusal that took
 * longer than the window is counted as of now.
 *
 * @throws RangeError when `windowMs` is not above 0.
 */
export function acceptWindow(windowMs: number, clock: Clock): AcceptWindow {
  assertPositive('windowMs', windowMs);
  const widthMs = windowMs / buckets;
  const requested = new Float64Array(buckets);
  const accepted = new Float64Array(buckets);
  let requests = 0;
  let accepts = 0;
  let epoch = 0;

  /** Drops what is older than the window; the present epoch. */
  function touch(): number {
    const now = Math.floor(clock.now() / widthMs);
    for (let age = Math.min(now - epoch, buckets) - 1; age >= 0; age -= 1) {
      const at = (now - age) % buckets;
      count(now - age, -(requested[at] ?? 0), -(accepted[at] ?? 0));
    }
    epoch = Math.max(epoch, now);
    return epoch;
  }

  function count(ticket: number, requestsMore: number, acceptsMore: number): void {
    const at = ticket % buckets;
    requested[at] = (requested[at] ?? 0) + requestsMore;
    accepted[at] = (accepted[at] ?? 0) + acceptsMore;
    requests += requestsMore;
    accepts += acceptsMore;
  }

  return {
    admit() {
      const ticket = touch();
      count(ticket, 1, 1);
      return ticket;
    },
    refused(ticket) {
      const now = touch();
      if (now - ticket < buckets) count(ticket, 0, -1);
      else count(now, 1, 0);
    },
    forget(ticket) {
      if (touch() - ticket < buckets) count(ticket, -1, -1);
    },
    turnAway: () => count(touch(), 1, 0),
    get requests() {
      touch();
      return requests;
    },
    get accepts() {
      touch();
      return accepts;
    },
  };
}
