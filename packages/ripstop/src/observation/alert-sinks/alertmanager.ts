import { assertPositive } from '../../call/options.js';
import type { Alert, AlertNotice, AlertSink } from '../alerts-notice.js';
import { assertAddress, postAlert } from './post.js';

/** Options of `alertmanagerSink()`. */
export interface AlertmanagerSinkOptions {
  /** Where Alertmanager answers, such as `http://127.0.0.1:9093`; a path in front of its API included. */
  readonly url: string;
  /** How often it hears of what still fires, in milliseconds. Default: 60 000. */
  readonly repeatMs?: number | undefined;
  /** Default: `alertmanager`. */
  readonly name?: string | undefined;
}

/** So many messages may be lost before Alertmanager takes an alert for over, as it does with Prometheus's own. */
const lostMessages = 4;

/**
 * Alerts in a Prometheus Alertmanager, which routes, silences and groups them by their labels.
 *
 * Each alert is one of its own there, with the labels `alertname`, `subject`, `severity` and `source`. While it fires it
 * is sent again every `repeatMs` and ends by itself four times as long after the last message, so that one of a process
 * that is gone does not stay.
 *
 * Source: Alertmanager, API v2 (`POST /api/v2/alerts`), and how Prometheus repeats and ends its own alerts.
 *
 * @throws RangeError for a bad address or time.
 */
export function alertmanagerSink({
  url,
  repeatMs = 60_000,
  name = 'alertmanager',
}: AlertmanagerSinkOptions): AlertSink {
  assertAddress('url', url);
  assertPositive('repeatMs', repeatMs);
  const address = `${url.replace(/\/+$/, '')}/api/v2/alerts`;
  return {
    name,
    repeatMs,
    send(notice, context) {
      const end = new Date(notice.at.getTime() + lostMessages * repeatMs);
      const alerts = notice.alerts.map((alert) => alertmanagerAlert(alert, notice, end));
      return postAlert({ url: address, body: JSON.stringify(alerts) }, context);
    },
  };
}

function alertmanagerAlert(alert: Alert, { source, key, at, status }: AlertNotice, end: Date): object {
  const { startedAt, endedAt, count, lastErrorType, lastCorrelationId } = alert;
  // A resolved alert must have ended by now, or it still fires.
  const endsAt = status === 'resolved' ? (endedAt ?? at) : end;
  return {
    labels: { alertname: alertName(alert.class), subject: alert.subject, severity: alert.severity, source },
    annotations: {
      summary: alert.summary,
      count: String(count),
      ...(lastErrorType && { last_error_type: lastErrorType }),
      ...(lastCorrelationId && { last_correlation_id: lastCorrelationId }),
      group: key,
    },
    startsAt: startedAt.toISOString(),
    endsAt: endsAt.toISOString(),
  };
}

/** `breaker_open` → `RipstopBreakerOpen`. */
function alertName(kind: string): string {
  return `Ripstop${kind.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())}`;
}
