import type { ErrorType, Origin } from '../errors/error-types.js';
import type { StopReason } from '../errors/model-error.js';
import type { RejectionReason } from '../errors/rejections.js';

/** Everything that is reported while a call runs. Metrics, logs and alerts are listeners to these, and nothing else. */
export type CallEvent =
  | {
      readonly type: 'retry.scheduled';
      /** What is called, where the retry was told. */
      readonly name?: string | undefined;
      readonly delayMs: number;
      readonly errorType: ErrorType | undefined;
    }
  | {
      readonly type: 'retry.stopped';
      readonly name?: string | undefined;
      readonly stopReason: StopReason;
      readonly errorType: ErrorType | undefined;
      /** Why the last attempt was not made, where a policy of ours has refused it. */
      readonly rejection?: RejectionReason | undefined;
    }
  | { readonly type: 'timeout.expired'; readonly limitMs: number }
  | { readonly type: 'deadline.expired'; readonly limitMs: number }
  | { readonly type: 'breaker.opened'; readonly name: string; readonly cooldownMs: number; readonly reason: string }
  | { readonly type: 'breaker.paused'; readonly name: string; readonly pausedMs: number; readonly reason: string }
  | { readonly type: 'breaker.half_opened'; readonly name: string }
  | { readonly type: 'breaker.closed'; readonly name: string }
  | { readonly type: 'breaker.rejected'; readonly name: string; readonly retryAfterMs: number }
  | { readonly type: 'breaker.overridden'; readonly name: string; readonly override: string }
  | { readonly type: 'breaker.released'; readonly name: string }
  | { readonly type: 'throttle.rejected'; readonly rejectRatio: number }
  | { readonly type: 'hedge.started'; readonly reason: 'slow' | 'failed'; readonly ms: number }
  | { readonly type: 'hedge.won'; readonly ms: number }
  | { readonly type: 'hedge.lost'; readonly ms: number }
  | { readonly type: 'rate_limit.paused'; readonly name: string; readonly pausedMs: number }
  | { readonly type: 'rate_limit.delayed'; readonly name: string; readonly waitMs: number }
  | { readonly type: 'rate_limit.rejected'; readonly name: string; readonly reason: string; readonly waitMs: number }
  | { readonly type: 'limit.changed'; readonly name: string; readonly limit: number; readonly previous: number }
  | { readonly type: 'limit.rejected'; readonly name: string; readonly reason: string }
  | { readonly type: 'bulkhead.rejected'; readonly name: string; readonly reason: 'queue_full' | 'queue_timeout' }
  | { readonly type: 'admission.rejected'; readonly reason: 'shed' | 'queue_full' | 'queue_timeout' }
  | { readonly type: 'coalesce.joined'; readonly callers: number }
  | { readonly type: 'fallback.used'; readonly outcome: string; readonly errorType: ErrorType }
  | { readonly type: 'model.failed'; readonly model: string; readonly errorType: ErrorType; readonly ms: number }
  | { readonly type: 'model.skipped'; readonly model: string; readonly reason: string }
  | {
      /** At the end of the answer. */
      readonly type: 'model.answered';
      readonly model: string;
      readonly ms: number;
      readonly wasFallback: boolean;
      readonly streamed: boolean;
      /** Of a stream that was not resumed, when its first content came. */
      readonly firstContentMs?: number | undefined;
      /** Tokens of the whole answer, as far as models counted them. */
      readonly inputTokens?: number | undefined;
      readonly outputTokens?: number | undefined;
    }
  | {
      /** One try at a model: its answer has begun, or it has failed. */
      readonly type: 'attempt.finished';
      readonly model: string;
      readonly ms: number;
      readonly errorType?: ErrorType | undefined;
    }
  /** All models behind one name are out, and: one of them is back. */
  | { readonly type: 'chain.down'; readonly name: string }
  | { readonly type: 'chain.recovered'; readonly name: string; readonly downMs: number }
  | { readonly type: 'probe.finished'; readonly model: string; readonly healthy: boolean; readonly ms: number }
  | {
      readonly type: 'stream.resumed';
      readonly model: string;
      /** Who broke off. */
      readonly previous: string;
      readonly way: 'prefill' | 'restart';
      /** How much of the answer its reader had, in UTF-16 units. */
      readonly sentLength: number;
    }
  | { readonly type: 'stream.prefill_refused'; readonly model: string; readonly errorType: ErrorType }
  | { readonly type: 'stream.not_resumed'; readonly model: string; readonly reason: string }
  | { readonly type: 'generation.reduced'; readonly maxTokens: number }
  | { readonly type: 'image.reduced'; readonly width: number; readonly height: number; readonly steps: number }
  | {
      readonly type: 'degradation.changed';
      readonly name: string;
      readonly level: string;
      readonly previous: string;
      /** The smoothed load, of which 1 is full. */
      readonly load: number;
    }
  | {
      readonly type: 'degradation.source_failed';
      readonly name: string;
      readonly source: string;
      readonly error: unknown;
    }
  | {
      readonly type: 'request.finished';
      readonly method: string;
      /** As it was declared; undefined where no cord has that path. */
      readonly route: string | undefined;
      readonly status: number;
      readonly ms: number;
      readonly streamed: boolean;
      readonly errorType: ErrorType | undefined;
      /** What the handler noted (`reply.notes`): which model answered, for example. */
      readonly notes: Readonly<Record<string, unknown>>;
    }
  | {
      readonly type: 'health.changed';
      readonly check: string;
      readonly critical: boolean;
      readonly status: HealthStatus;
      readonly previous: HealthStatus;
    }
  | {
      readonly type: 'health.overall_changed';
      readonly status: OverallStatus;
      readonly previous: OverallStatus;
      readonly criticalFailures: readonly string[];
    }
  | (Spike & { readonly type: 'spike.started' })
  | (Spike & { readonly type: 'spike.ended'; readonly ms: number })
  | {
      readonly type: 'incident.opened';
      readonly id: string;
      /** What is out: a model's name. */
      readonly subject: string;
      readonly errorType: ErrorType | undefined;
    }
  | {
      readonly type: 'incident.closed';
      readonly id: string;
      readonly subject: string;
      /** From the first failure to the recovery. */
      readonly ms: number;
      readonly failures: number;
    }
  | { readonly type: 'alert.delivered'; readonly sink: string; readonly alert: string; readonly status: AlertStatus }
  | { readonly type: 'alert.failed'; readonly sink: string; readonly alert: string; readonly reason: string }
  | { readonly type: 'alert.dropped'; readonly sink: string; readonly alert: string; readonly reason: string }
  | { readonly type: 'engine.started'; readonly runtime: string; readonly pid: number; readonly ms: number }
  | { readonly type: 'engine.stopped'; readonly reason: string; readonly restartMs: number }
  | (HandledError & { readonly type: 'error.handled'; readonly severity: 'debug' | 'info' | 'warn' | 'error' })
  | (HandledError & { readonly type: 'error.critical' })
  | { readonly type: 'listener.failed'; readonly error: unknown };

/** What an error handler tells of an error, once for each request that it ended. Nothing in it is private. */
export interface HandledError {
  readonly errorType: ErrorType;
  /** The class of what was thrown, from which the error was made. */
  readonly errorClass: string;
  readonly status: number;
  readonly origin: Origin;
  readonly message: string;
  readonly operation: string;
  /** What was known of the request: plain JSON, redacted. */
  readonly context: Readonly<Record<string, unknown>>;
}

/** `timeout`: the check did not answer in time; `error`: it threw. */
export type HealthStatus = 'unknown' | 'healthy' | 'unhealthy' | 'error' | 'timeout';

/** `degraded`: a check fails that is not critical. */
export type OverallStatus = 'healthy' | 'degraded' | 'critical';

export type AlertStatus = 'firing' | 'resolved';

/** What is out of the ordinary, measured against what came before. */
export interface Spike {
  readonly kind: 'errors' | 'latency' | 'throughput';
  /** The type of the errors; of latency and throughput, the operation. */
  readonly subject: string;
  /** Errors and calls a minute; of latency, milliseconds. */
  readonly recent: number;
  readonly baseline: number;
}

/** An event with the call that it belongs to. `at` is the monotonic time of the runtime's clock, in milliseconds. */
export type ReportedEvent = CallEvent & {
  readonly at: number;
  readonly correlationId?: string;
  readonly attempt?: number;
};

/** Told of every event, synchronously. What it throws is reported to the others and changes nothing. */
export type EventListener = (event: ReportedEvent) => void;

/** Where events go. One per Runtime. */
export interface Events {
  /** Calls `listener` for every event from now on; returns the function that ends it. */
  on(listener: EventListener): () => void;
  emit(event: ReportedEvent): void;
  /** Does anybody listen? Emitters of frequent events ask first and save the work. */
  readonly observed: boolean;
}

/** A listener that throws is reported to the others as `listener.failed`, and never changes an outcome (G5). */
export function createEvents(): Events {
  const listeners = new Set<EventListener>();

  function deliver(event: ReportedEvent, failed?: EventListener): void {
    for (const listener of listeners) {
      if (listener === failed) continue;
      try {
        listener(event);
      } catch (error) {
        if (event.type !== 'listener.failed') deliver({ type: 'listener.failed', error, at: event.at }, listener);
      }
    }
  }

  return {
    on(listener) {
      // A wrapper of its own, so that one function registered twice is called twice and removed once.
      const entry: EventListener = (event) => listener(event);
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    emit: (event) => {
      if (listeners.size > 0) deliver(event);
    },
    get observed() {
      return listeners.size > 0;
    },
  };
}
