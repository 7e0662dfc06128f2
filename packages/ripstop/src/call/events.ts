import type { ErrorType } from '../errors/error-types.js';
import type { StopReason } from '../errors/model-error.js';
import type { RejectionReason } from '../errors/rejections.js';
import type { AlertStatus, HandledError, HealthStatus, OverallStatus, Spike } from './event-facts.js';

export type { AlertStatus, HandledError, HealthStatus, OverallStatus, Spike };

/** Everything that is reported while a call runs. Metrics, logs and alerts are listeners to these, and nothing else. */
export type CallEvent =
  /** An attempt has failed, and another one will follow after a wait. */
  | {
      readonly type: 'retry.scheduled';
      /** What is called, where the retry was told. */
      readonly name?: string | undefined;
      readonly delayMs: number;
      readonly errorType: ErrorType | undefined;
    }
  /** There is no other attempt: the last error, or what was sent back, goes to the caller. */
  | {
      readonly type: 'retry.stopped';
      readonly name?: string | undefined;
      readonly stopReason: StopReason;
      readonly errorType: ErrorType | undefined;
      /** Why the last attempt was not made, where a policy of ours has refused it. */
      readonly rejection?: RejectionReason | undefined;
    }
  /** An attempt has run into its limit, and was told to stop. */
  | { readonly type: 'timeout.expired'; readonly limitMs: number }
  /** The time for the whole call is over. */
  | { readonly type: 'deadline.expired'; readonly limitMs: number }
  /** A service has failed too often, and is not called until a cooldown is over. */
  | { readonly type: 'breaker.opened'; readonly name: string; readonly cooldownMs: number; readonly reason: string }
  /** A service has asked for a pause, or the money there is spent: it is not called until then. */
  | { readonly type: 'breaker.paused'; readonly name: string; readonly pausedMs: number; readonly reason: string }
  /** The cooldown is over, and the first trial goes out. */
  | { readonly type: 'breaker.half_opened'; readonly name: string }
  /** The service is called as usual again: its trials were good, or somebody has reset the breaker. */
  | { readonly type: 'breaker.closed'; readonly name: string }
  /** A call was refused because the breaker is open, or its trials are taken. */
  | { readonly type: 'breaker.rejected'; readonly name: string; readonly retryAfterMs: number }
  /** An operator has set the breaker to a state that it keeps until it is released. */
  | { readonly type: 'breaker.overridden'; readonly name: string; readonly override: string }
  /** The breaker decides by itself again. */
  | { readonly type: 'breaker.released'; readonly name: string }
  /** A call was refused because the service refuses too many. */
  | { readonly type: 'throttle.rejected'; readonly rejectRatio: number }
  /** A second attempt runs beside the first. */
  | { readonly type: 'hedge.started'; readonly reason: 'slow' | 'failed'; readonly ms: number }
  /** The second attempt has answered first. */
  | { readonly type: 'hedge.won'; readonly ms: number }
  /** An attempt was given up because another one has answered. */
  | { readonly type: 'hedge.lost'; readonly ms: number }
  /** Calls wait because the service has said how long they should. */
  | { readonly type: 'rate_limit.paused'; readonly name: string; readonly pausedMs: number }
  /** A call waits for its turn under a rate limit. */
  | { readonly type: 'rate_limit.delayed'; readonly name: string; readonly waitMs: number }
  /** A call was refused because its turn would come too late. */
  | { readonly type: 'rate_limit.rejected'; readonly name: string; readonly reason: string; readonly waitMs: number }
  /** The number of calls that a service takes at a time was found out anew. */
  | { readonly type: 'limit.changed'; readonly name: string; readonly limit: number; readonly previous: number }
  /** A call was refused because a service takes no more at a time. */
  | { readonly type: 'limit.rejected'; readonly name: string; readonly reason: string }
  /** A call was refused because all slots, and the places in the queue, are taken. */
  | { readonly type: 'bulkhead.rejected'; readonly name: string; readonly reason: 'queue_full' | 'queue_timeout' }
  /** A request was refused at the door because the process has too much to do. */
  | { readonly type: 'admission.rejected'; readonly reason: 'shed' | 'queue_full' | 'queue_timeout' }
  /** A call shares the answer of one that is under way. */
  | { readonly type: 'coalesce.joined'; readonly callers: number }
  /** What stands in for a failed call was given in its place. */
  | { readonly type: 'fallback.used'; readonly outcome: string; readonly errorType: ErrorType }
  /** A model has failed a request: all its attempts, or the rest of its stream. */
  | { readonly type: 'model.failed'; readonly model: string; readonly errorType: ErrorType; readonly ms: number }
  /** A model was left out of a request without being asked. */
  | { readonly type: 'model.skipped'; readonly model: string; readonly reason: string }
  /** A model has answered a request, to its end. */
  | {
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
  /** One try at a model has ended: its answer has begun, or it has failed. */
  | {
      readonly type: 'attempt.finished';
      readonly model: string;
      readonly ms: number;
      readonly errorType?: ErrorType | undefined;
    }
  /** All models behind one name are out. */
  | { readonly type: 'chain.down'; readonly name: string }
  /** One of the models behind a name that was down is back. */
  | { readonly type: 'chain.recovered'; readonly name: string; readonly downMs: number }
  /** A model that may be out was asked, on purpose, how it is. */
  | { readonly type: 'probe.finished'; readonly model: string; readonly healthy: boolean; readonly ms: number }
  /** A stream that broke off is said to its end by another model. */
  | {
      readonly type: 'stream.resumed';
      readonly model: string;
      /** Who broke off. */
      readonly previous: string;
      readonly way: 'prefill' | 'restart';
      /** How much of the answer its reader had, in UTF-16 units. */
      readonly sentLength: number;
    }
  /** A model does not go on from the beginning of an answer, and is asked in another way. */
  | { readonly type: 'stream.prefill_refused'; readonly model: string; readonly errorType: ErrorType }
  /** A stream that broke off could not be gone on with. */
  | { readonly type: 'stream.not_resumed'; readonly model: string; readonly reason: string }
  /** A request is asked again with fewer tokens, after the memory did not suffice. */
  | { readonly type: 'generation.reduced'; readonly maxTokens: number }
  /** A picture is asked for again in a smaller size, after the memory did not suffice. */
  | { readonly type: 'image.reduced'; readonly width: number; readonly height: number; readonly steps: number }
  /** The service does less than before, or more again. */
  | {
      readonly type: 'degradation.changed';
      readonly name: string;
      readonly level: string;
      readonly previous: string;
      /** The smoothed load, of which 1 is full. */
      readonly load: number;
    }
  /** A source of load could not be read. */
  | {
      readonly type: 'degradation.source_failed';
      readonly name: string;
      readonly source: string;
      readonly error: unknown;
    }
  /** A request has its answer; a stream, its last chunk. */
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
  /** A health check has another result than before, as often in a row as it takes. */
  | {
      readonly type: 'health.changed';
      readonly check: string;
      readonly critical: boolean;
      readonly status: HealthStatus;
      readonly previous: HealthStatus;
    }
  /** The health of the whole has changed. */
  | {
      readonly type: 'health.overall_changed';
      readonly status: OverallStatus;
      readonly previous: OverallStatus;
      readonly criticalFailures: readonly string[];
    }
  /** Errors, latency or throughput are out of the ordinary. */
  | (Spike & { readonly type: 'spike.started' })
  /** What was out of the ordinary is as usual again. */
  | (Spike & { readonly type: 'spike.ended'; readonly ms: number })
  /** A model is out. */
  | {
      readonly type: 'incident.opened';
      readonly id: string;
      /** What is out: a model's name. */
      readonly subject: string;
      readonly errorType: ErrorType | undefined;
    }
  /** A model that was out has been well for long enough. */
  | {
      readonly type: 'incident.closed';
      readonly id: string;
      readonly subject: string;
      /** From the first failure to the recovery. */
      readonly ms: number;
      readonly failures: number;
    }
  /** A sink has taken an alert. */
  | { readonly type: 'alert.delivered'; readonly sink: string; readonly alert: string; readonly status: AlertStatus }
  /** A sink could not be told of an alert. */
  | { readonly type: 'alert.failed'; readonly sink: string; readonly alert: string; readonly reason: string }
  /** An alert was not sent: its sink has had too many, or is too far behind. */
  | { readonly type: 'alert.dropped'; readonly sink: string; readonly alert: string; readonly reason: string }
  /** The process of a local model has loaded it. */
  | {
      readonly type: 'engine.started';
      /** Whose engine it is, where that was told. */
      readonly model?: string | undefined;
      readonly runtime: string;
      readonly pid: number;
      readonly ms: number;
    }
  /** The process of a local model has ended. */
  | {
      readonly type: 'engine.stopped';
      readonly model?: string | undefined;
      readonly reason: string;
      /** The wait before it is started again; 0 where it was stopped for good. */
      readonly restartMs: number;
    }
  /** An error has become the answer to a request. */
  | (HandledError & { readonly type: 'error.handled'; readonly severity: 'debug' | 'info' | 'warn' | 'error' })
  /** An error that somebody has to look at now has become the answer to a request. */
  | (HandledError & { readonly type: 'error.critical' })
  /** A function that was handed to us has thrown; the call went on without it. */
  | { readonly type: 'listener.failed'; readonly error: unknown };

/** An event with the call that it belongs to. `at` is the monotonic time of the runtime's clock, in milliseconds. */
export type ReportedEvent = CallEvent & {
  readonly at: number;
  readonly correlationId?: string;
  readonly attempt?: number;
};

/** Told of events, synchronously. What it throws is reported to the others and changes nothing. */
export type EventListener = (event: ReportedEvent) => void;

/** Options of one listener. */
export interface ListenerOptions {
  /** What it is for, so that others see that somebody does that: `alerts`. Default: not told. */
  readonly name?: string | undefined;
  /** Which events it hears; the others cost it nothing. Default: all. */
  readonly types?: readonly CallEvent['type'][] | undefined;
}

/** Where events go. One per Runtime. */
export interface Events {
  /** Calls `listener` for every event from now on, or for those of its types; returns the function that ends it. */
  on(listener: EventListener, options?: ListenerOptions): () => void;
  emit(event: ReportedEvent): void;
  /** Those who listen now, by name; `undefined` for one that has not told its name. */
  readonly listeners: readonly (string | undefined)[];
  /** Does anybody listen? Emitters of frequent events ask first and save the work. */
  readonly observed: boolean;
}

interface Entry extends ListenerOptions {
  readonly listener: EventListener;
  ended: boolean;
}

/** A listener that throws is reported to the others as `listener.failed`, and never changes an outcome (G5). */
export function createEvents(): Events {
  let entries: readonly Entry[] = [];
  /** Who hears which type, worked out when an event of it comes. */
  const audiences = new Map<CallEvent['type'], readonly Entry[]>();

  function changeTo(changed: readonly Entry[]): void {
    entries = changed;
    audiences.clear();
  }

  function audienceOf(type: CallEvent['type']): readonly Entry[] {
    const audience = entries.filter(({ types }) => types === undefined || types.includes(type));
    audiences.set(type, audience);
    return audience;
  }

  function deliver(event: ReportedEvent, failed?: Entry): void {
    const { type } = event;
    for (const entry of audiences.get(type) ?? audienceOf(type)) {
      if (entry.ended || entry === failed) continue;
      try {
        entry.listener(event);
      } catch (error) {
        if (type !== 'listener.failed') deliver({ type: 'listener.failed', error, at: event.at }, entry);
      }
    }
  }

  return {
    on(listener, { name, types } = {}) {
      const entry: Entry = { listener, name, types, ended: false };
      changeTo([...entries, entry]);
      return () => {
        entry.ended = true;
        changeTo(entries.filter((other) => other !== entry));
      };
    },
    emit: (event) => {
      if (entries.length > 0) deliver(event);
    },
    get listeners() {
      return entries.map(({ name }) => name);
    },
    get observed() {
      return entries.length > 0;
    },
  };
}
