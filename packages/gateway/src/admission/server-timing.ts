import type { Clock } from 'ripstop';
import type { Reply } from 'ripstop/serving';
import { Attached } from '../attached.js';

/** Where the time of one request went, until the head of its answer. */
export class Timing {
  private readonly clock: Clock;
  private readonly startedAt: number;
  private queueMs = 0;
  private askedAt: number | undefined = undefined;
  private upMs = 0;

  constructor(clock: Clock) {
    this.clock = clock;
    this.startedAt = clock.now();
  }

  /** It has been let in, or sent away. */
  waited(): void {
    this.queueMs = this.clock.now() - this.startedAt;
  }

  /** The first model is about to be asked. */
  asked(): void {
    this.askedAt = this.clock.now();
  }

  /** The last model has answered or failed, or a stream has its first content. */
  answered(): void {
    if (this.askedAt !== undefined) this.upMs = this.clock.now() - this.askedAt;
  }

  /** `Server-Timing` (W3C), in milliseconds: our own work, the wait at the gate, the models with all their retries. */
  get header(): string {
    const { queueMs, upMs } = this;
    const own = Math.max(this.clock.now() - this.startedAt - queueMs - upMs, 0);
    return `gw;dur=${tenths(own)},queue;dur=${tenths(queueMs)},up;dur=${tenths(upMs)}`;
  }
}

function tenths(ms: number): string {
  return String(Math.round(ms * 10) / 10);
}

const timings = new Attached<Reply, Timing>();

export function startTiming(reply: Reply, clock: Clock): Timing {
  const timing = new Timing(clock);
  timings.set(reply, timing);
  return timing;
}

/** Of a request that is timed. */
export function timingOf(reply: Reply): Timing | undefined {
  return timings.get(reply);
}
