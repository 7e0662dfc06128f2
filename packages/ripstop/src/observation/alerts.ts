import type { EventListener, ReportedEvent } from '../call/events.js';
import { newCorrelationId } from '../call/correlation-id.js';
import {
  assertCount,
  assertNotNegative,
  assertPositive,
  badOption,
  type Defaults,
  withDefaults,
} from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { timeout } from '../policies/timeout.js';
import { AlertBook } from './alerts-book.js';
import { failureReason, SinkQueue, withoutEvents } from './alerts-delivery.js';
import { LastFailures } from './alerts-last-failures.js';
import { type Alert, type AlertNotice, type AlertSink, safeSubject } from './alerts-notice.js';
import { alertRules, signalsOf } from './alerts-rules.js';

/** Options of `alerts()`. */
export interface AlertOptions {
  /** Who tells: it stands in every message, and receivers tell services apart by it. Default: `ripstop`. */
  readonly source?: string | undefined;
  /** How long the first alert waits for others, so that one outage is one message, in milliseconds. Default: 5 000. */
  readonly groupMs?: number | undefined;
  /**
   * How long it must stay well until it is told to be over, in milliseconds; twice as long each time that it comes back
   * within the cool-down. Default: 60 000.
   */
  readonly clearMs?: number | undefined;
  /** The longest such wait, in milliseconds. Default: 600 000. */
  readonly maxClearMs?: number | undefined;
  /** After it was told, the same alert is not told anew for so long, in milliseconds. Default: 300 000. */
  readonly cooldownMs?: number | undefined;
  /** How many alerts are known at a time. Default: 500. */
  readonly maxAlerts?: number | undefined;
  /** How many deliveries a sink gets in a minute; more wait. Default: 20. */
  readonly perMinute?: number | undefined;
  /** How many messages wait for a sink; more push the oldest out. Default: 100. */
  readonly maxQueue?: number | undefined;
  /** How long one try at a delivery may take, in milliseconds. Default: 10 000. */
  readonly attemptMs?: number | undefined;
  /** How long a delivery may take with all its tries, in milliseconds. Default: 300 000. */
  readonly deliverMs?: number | undefined;
  /** How long `close()` goes on delivering, in milliseconds. Default: 5 000. */
  readonly closeMs?: number | undefined;
}

/** What `alerts()` does where nothing else is said. */
export const alertDefaults: Defaults<AlertOptions> = {
  source: 'ripstop',
  groupMs: 5_000,
  clearMs: 60_000,
  maxClearMs: 600_000,
  cooldownMs: 300_000,
  maxAlerts: 500,
  perMinute: 20,
  maxQueue: 100,
  attemptMs: 10_000,
  deliverMs: 300_000,
  closeMs: 5_000,
};

/** What came of a test at one sink. */
export interface AlertTestResult {
  readonly sink: string;
  readonly outcome: 'delivered' | 'failed';
  /** What came back to the alert and to its end, or why there is nothing: `HTTP 202`, `ECONNREFUSED`. */
  readonly answers: readonly string[];
  readonly ms: number;
}

/** Alerts, until they are closed. */
export interface Alerts {
  /** What is wrong at present. */
  readonly open: readonly Alert[];
  /** The names of the sinks, in their order. */
  readonly sinks: readonly string[];
  /**
   * Sends each sink, or the one of that name, a test alert and its end, one try each, past the queue. Never rejects.
   */
  test(sink?: string): Promise<readonly AlertTestResult[]>;
  /** Ends listening and delivers what waits, for at most `closeMs`. Idempotent. */
  close(): Promise<void>;
}

/**
 * Alerts: tells people when something is wrong, once, and when it is over.
 *
 * Listens to the events of its runtime. What they mean is told to every sink: one message for what begins together, one
 * when all of it is over, none for what comes and goes in between. Deliveries have a queue for each sink and run through
 * our own policies; a request never waits for one, and a sink that fails is told as `alert.failed` and changes nothing
 * else. Messages hold no prompt, key, host or address.
 *
 * @throws RangeError for a bad option, or for two sinks of one name.
 */
export function alerts(
  sinks: readonly AlertSink[],
  options: AlertOptions = {},
  runtime: Runtime = systemRuntime,
): Alerts {
  const settings = checked(options, sinks);
  const { source, attemptMs } = settings;
  const queues = sinks.map((sink) => new SinkQueue(sink, settings, runtime));
  const failures = new LastFailures();
  const book = new AlertBook(
    {
      ...settings,
      lastFailure: (kind, name, correlationId) => {
        // Of a chain that is down, any model's will do: all are out.
        return failures.of(name, correlationId) ?? (kind === 'models_down' ? failures.latest : undefined);
      },
      tell(key, status, found) {
        const notice = noticeOf({ key: `${source}/${key}`, status, source, alerts: found }, runtime);
        for (const queue of queues) queue.push(notice);
      },
      overflow(key) {
        const at = runtime.clock.now();
        for (const { name } of sinks)
          runtime.events.emit({ type: 'alert.dropped', sink: name, alert: key, reason: 'too_many', at });
      },
    },
    runtime,
  );
  const listener: EventListener = (event) => {
    if (book.isEmpty && isSuccess(event)) return;
    failures.note(event);
    for (const signal of signalsOf(event, source)) book.note(signal);
  };
  const off = runtime.events.on(listener, { name: 'alerts' });
  let closing: Promise<void> | undefined;

  async function end(): Promise<void> {
    off();
    book.close();
    const timer = runtime.clock.after(settings.closeMs, () => {
      for (const queue of queues) queue.abort();
    });
    await Promise.all(queues.map((queue) => queue.idle()));
    timer.cancel();
  }

  return {
    get open() {
      return book.open;
    },
    sinks: sinks.map(({ name }) => name),
    test(only) {
      const chosen = sinks.filter(({ name }) => only === undefined || name === only);
      return Promise.all(chosen.map((sink) => tested(sink, { source, attemptMs }, runtime)));
    },
    close() {
      closing ??= end();
      return closing;
    },
  };
}

function checked(options: AlertOptions, sinks: readonly AlertSink[]): Defaults<AlertOptions> {
  const settings = withDefaults(alertDefaults, options);
  for (const option of ['groupMs', 'clearMs', 'cooldownMs', 'closeMs'] as const)
    assertNotNegative(option, settings[option]);
  for (const option of ['maxAlerts', 'perMinute', 'maxQueue'] as const) assertCount(option, settings[option]);
  for (const option of ['maxClearMs', 'attemptMs', 'deliverMs'] as const) assertPositive(option, settings[option]);
  const names = sinks.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw badOption('sinks', 'must have a name each', twice);
  return { ...settings, source: safeSubject(settings.source) };
}

function isSuccess(event: ReportedEvent): boolean {
  return event.type === 'model.answered' || (event.type === 'attempt.finished' && event.errorType === undefined);
}

const mostTold = 20;

function noticeOf(
  { alerts: found, ...head }: Pick<AlertNotice, 'key' | 'status' | 'source' | 'alerts'>,
  runtime: Runtime,
): AlertNotice {
  const told = found.slice(0, mostTold);
  return {
    ...head,
    id: newCorrelationId(runtime),
    severity: told[0]?.severity ?? 'warning',
    at: runtime.clock.date(),
    alerts: told,
    more: found.length - told.length,
  };
}

/** An alert and its end, directly: whoever tests wants to know now. */
async function tested(
  sink: AlertSink,
  { source, attemptMs }: Pick<Defaults<AlertOptions>, 'source' | 'attemptMs'>,
  runtime: Runtime,
): Promise<AlertTestResult> {
  const { clock } = runtime;
  const [startedMs, startedAt] = [clock.now(), clock.date()];
  const key = `${source}/test:${newCorrelationId(runtime)}`;
  const { severity, summary } = alertRules.test;
  const limit = timeout({ limitMs: attemptMs }, withoutEvents(runtime));
  const answers: string[] = [];
  let outcome: AlertTestResult['outcome'] = 'delivered';
  for (const status of ['firing', 'resolved'] as const) {
    const endedAt = status === 'resolved' ? clock.date() : undefined;
    const facts = { class: 'test', subject: source, severity, status, summary: summary(source) } as const;
    const notice = noticeOf({ key, status, source, alerts: [{ ...facts, startedAt, endedAt, count: 1 }] }, runtime);
    try {
      answers.push(await limit.execute((context) => sink.send(notice, context)));
    } catch (error) {
      answers.push(failureReason(error));
      outcome = 'failed';
    }
  }
  return { sink: sink.name, outcome, answers, ms: clock.now() - startedMs };
}
