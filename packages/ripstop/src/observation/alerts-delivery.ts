/** One sink's deliveries: in order, through our own policies, away from every request. */
import { inside } from '../call/async-storage.js';
import { createEvents } from '../call/events.js';
import type { Runtime, Timer } from '../call/runtime.js';
import { ModelError } from '../errors/model-error.js';
import { circuitBreaker } from '../policies/circuit-breaker.js';
import { deadline } from '../policies/deadline.js';
import { pipeline, type Policy } from '../policies/policy.js';
import { rateLimit } from '../policies/rate-limit.js';
import { retry } from '../policies/retry.js';
import { timeout } from '../policies/timeout.js';
import type { AlertNotice, AlertSink } from './alerts-notice.js';

export interface DeliverySettings {
  readonly perMinute: number;
  readonly maxQueue: number;
  readonly attemptMs: number;
  readonly deliverMs: number;
}

/** Why the queue gives up what it still holds. */
const closing = new Error('The alerts are closed');

export class SinkQueue {
  private readonly sink: AlertSink;
  private readonly settings: DeliverySettings;
  private readonly runtime: Runtime;
  private readonly policy: Policy;
  private readonly queue: AlertNotice[] = [];
  private readonly closed = new AbortController();
  private working: Promise<void> | undefined;
  /** What this sink must hear of again. */
  private readonly standing = new Map<string, AlertNotice>();
  private repeating: Timer | undefined;

  constructor(sink: AlertSink, settings: DeliverySettings, runtime: Runtime) {
    this.sink = sink;
    this.settings = settings;
    this.runtime = runtime;
    this.policy = deliveryPolicy(settings, runtime);
  }

  /** Never waits and never throws. A full queue loses its oldest notice. */
  push(notice: AlertNotice): void {
    this.enqueue(notice);
    if (this.sink.repeatMs === undefined) return;
    if (notice.status === 'firing') this.standing.set(notice.key, notice);
    else this.standing.delete(notice.key);
    if (this.repeating === undefined) this.repeatLater(this.sink.repeatMs);
  }

  /** Resolves when everything has been delivered or given up. */
  idle(): Promise<void> {
    this.repeating?.cancel();
    this.standing.clear();
    return this.working ?? Promise.resolve();
  }

  /** Gives up what is under way and what waits. */
  abort(): void {
    this.closed.abort(closing);
  }

  private enqueue(notice: AlertNotice): void {
    if (this.queue.length >= this.settings.maxQueue) this.drop(this.queue.shift(), 'queue_full');
    this.queue.push(notice);
    // A delivery must not carry the surroundings of the request that has set it off.
    this.working ??= inside(undefined, () => this.work());
  }

  private async work(): Promise<void> {
    // Whoever emits an event does not wait for the first lines of a delivery either.
    await new Promise<void>((resolve) => void this.runtime.clock.after(0, resolve));
    for (let notice = this.queue.shift(); notice !== undefined; notice = this.queue.shift()) {
      if (this.closed.signal.aborted) this.drop(notice, 'closing');
      else await this.deliver(notice);
    }
    this.working = undefined;
  }

  private async deliver(notice: AlertNotice): Promise<void> {
    const { name: sink } = this.sink;
    const { signal } = this.closed;
    try {
      await this.policy.execute((context) => this.sink.send(notice, context), { signal });
      this.emit({ type: 'alert.delivered', sink, alert: notice.key, status: notice.status });
    } catch (error) {
      if (signal.aborted) this.drop(notice, 'closing');
      else this.emit({ type: 'alert.failed', sink, alert: notice.key, reason: failureReason(error) });
    }
  }

  private drop(notice: AlertNotice | undefined, reason: 'queue_full' | 'closing'): void {
    if (notice !== undefined) this.emit({ type: 'alert.dropped', sink: this.sink.name, alert: notice.key, reason });
  }

  private emit(event: DeliveryEvent): void {
    this.runtime.events.emit({ ...event, at: this.runtime.clock.now() });
  }

  private repeatLater(repeatMs: number): void {
    this.repeating = this.runtime.clock.after(repeatMs, () => {
      this.repeating = undefined;
      if (this.standing.size === 0) return;
      const at = this.runtime.clock.date();
      // One that is still on its way tells the same.
      if (this.queue.length === 0) for (const notice of this.standing.values()) this.enqueue({ ...notice, at });
      this.repeatLater(repeatMs);
    });
  }
}

type DeliveryEvent =
  | { type: 'alert.delivered'; sink: string; alert: string; status: AlertNotice['status'] }
  | { type: 'alert.failed' | 'alert.dropped'; sink: string; alert: string; reason: string };

/** A sink that is out must not raise an alert, nor count as a model that is. */
export function withoutEvents({ clock, random }: Runtime): Runtime {
  return { clock, random, events: createEvents() };
}

function deliveryPolicy({ perMinute, attemptMs, deliverMs }: DeliverySettings, runtime: Runtime): Policy {
  const own = withoutEvents(runtime);
  return pipeline(
    deadline({ limitMs: deliverMs }, own),
    retry({ attempts: 5, baseDelayMs: 2_000, factor: 3, maxDelayMs: 120_000, nested: 'own' }, own),
    rateLimit({ requests: { limit: perMinute, perMs: 60_000 }, maxWaitMs: 120_000 }, own),
    circuitBreaker({ consecutive: 5, cooldownMs: 30_000 }, own),
    timeout({ limitMs: attemptMs }, own),
  );
}

/** Why a delivery failed, in a word or two: never a message of somebody else's, which may hold an address. */
export function failureReason(error: unknown): string {
  if (!ModelError.isInstance(error)) return codeOf(error) ?? 'failed';
  const { status } = error.details;
  if (typeof status === 'number') return `HTTP ${status}`;
  if (error.details['reason'] === 'circuit_open') return 'not tried, since it has failed too often';
  return codeOf(error) ?? (error.errorType === 'inference_timeout' ? 'no answer in time' : 'failed');
}

const deepestCause = 4;

/** The network's own word, such as ECONNREFUSED, or the reply code of a mail server. */
function codeOf(error: unknown): string | undefined {
  let current = error;
  for (let depth = 0; depth < deepestCause && typeof current === 'object' && current !== null; depth += 1) {
    const { code, responseCode, cause } = current as { code?: unknown; responseCode?: unknown; cause?: unknown };
    if (typeof responseCode === 'number') return `SMTP ${responseCode}`;
    if (typeof code === 'string' && /^E[A-Z]{3,20}$|^UND_ERR_[A-Z_]{3,30}$/.test(code)) return code;
    current = cause;
  }
  return undefined;
}
