/** What sinks are told. Nothing in it is private: no prompt, no key, no host, no address. */
import type { AlertStatus } from '../call/events.js';
import type { ErrorType } from '../errors/error-types.js';
import { hideSecrets, redact } from '../errors/redact.js';
import type { AlertClass, AlertSeverity } from './alerts-rules.js';

/** One thing that is wrong, or was. */
export interface Alert {
  readonly class: AlertClass;
  /** What it is about: a model, a breaker, a check, a type of error. */
  readonly subject: string;
  readonly severity: AlertSeverity;
  readonly status: AlertStatus;
  /** What is wrong, in one sentence. */
  readonly summary: string;
  readonly startedAt: Date;
  /** Where it is over: since when. */
  readonly endedAt?: Date | undefined;
  /** How often it was seen since it started; what one call meets again and again counts once. */
  readonly count: number;
  readonly lastErrorType?: ErrorType | undefined;
  /** Of the last call that met it. */
  readonly lastCorrelationId?: string | undefined;
}

/** One message: what began together is told together, and told again when all of it is over. */
export interface AlertNotice {
  /** The same from the first message to the last: what a receiver deduplicates and resolves by. */
  readonly key: string;
  /** This message's own; it stays the same when a delivery is tried again. */
  readonly id: string;
  readonly status: AlertStatus;
  /** That of the worst alert. */
  readonly severity: AlertSeverity;
  /** Who tells: the name of the service. */
  readonly source: string;
  /** When the message was made. */
  readonly at: Date;
  /** The worst first, at most 20. */
  readonly alerts: readonly Alert[];
  /** How many are left out. */
  readonly more: number;
}

/** What a delivery is given beside the notice. */
export interface DeliveryContext {
  /** Aborts when the delivery takes too long, or when the alerts are closed. */
  readonly signal: AbortSignal;
}

/** Somewhere that notices go. */
export interface AlertSink {
  /** Names it in events. Of the sinks of one `alerts()`, each has a name of its own. */
  readonly name: string;
  /**
   * Delivers once; resolves with what came back in a word or two, such as `HTTP 202`. An error that is not retryable
   * ends the delivery, any other is tried again.
   */
  send(notice: AlertNotice, context: DeliveryContext): Promise<string>;
  /** How often it must hear again of what still fires, in milliseconds. Default: never. */
  readonly repeatMs?: number | undefined;
}

/** The first line of a message: `FIRING: The breaker of main is open`. */
export function headline({ status, alerts, more }: AlertNotice): string {
  const others = alerts.length + more - 1;
  const rest = others > 0 ? `, and ${others} more` : '';
  return `${status.toUpperCase()}: ${alerts[0]?.summary ?? 'nothing'}${rest}`;
}

/** The message as plain text, of several lines. */
export function noticeText(notice: AlertNotice): string {
  const more = notice.more > 0 ? [`... and ${notice.more} more`] : [];
  return [headline(notice), ...notice.alerts.flatMap(linesOf), ...more].join('\n');
}

/** The facts of one alert, under the names that receivers read. */
export function alertRecord(alert: Alert): Record<string, string | number> {
  const { endedAt, lastErrorType, lastCorrelationId } = alert;
  return {
    class: alert.class,
    subject: alert.subject,
    severity: alert.severity,
    status: alert.status,
    summary: alert.summary,
    started_at: alert.startedAt.toISOString(),
    ...(endedAt && { ended_at: endedAt.toISOString() }),
    count: alert.count,
    ...(lastErrorType && { last_error_type: lastErrorType }),
    ...(lastCorrelationId && { last_correlation_id: lastCorrelationId }),
  };
}

function linesOf(alert: Alert): string[] {
  const { startedAt, endedAt, count, lastErrorType, lastCorrelationId } = alert;
  const until = endedAt && ` until ${endedAt.toISOString()}`;
  return [
    `- ${alert.severity}: ${alert.summary}`,
    `  since ${startedAt.toISOString()}${until ?? ''}, seen ${count === 1 ? 'once' : `${count} times`}`,
    ...(lastErrorType ? [`  last error: ${lastErrorType}`] : []),
    ...(lastCorrelationId ? [`  last correlation id: ${lastCorrelationId}`] : []),
  ];
}

const longestSubject = 80;

/** A name from a configuration or a program, without what may be a host, an address or a key. */
export function safeSubject(name: string): string {
  const safe = redact(name).slice(0, longestSubject);
  return safe === '' ? '[…]' : safe;
}

/** A caller may have chosen the id, and may have chosen badly. */
export function safeCorrelationId(id: string): string {
  return hideSecrets(id).slice(0, 128);
}
