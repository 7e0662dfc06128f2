import { type AlertNotice, alertRecord, type AlertSink, headline } from '../alerts-notice.js';
import { assertAddress, assertText, postAlert } from './post.js';

/** Options of `pagerDutySink()`. */
export interface PagerDutySinkOptions {
  /** The integration key of an Events API v2 integration, which is a secret. */
  readonly key: string;
  /** Default: `https://events.pagerduty.com/v2/enqueue`. */
  readonly url?: string | undefined;
  /** Default: `pagerduty`. */
  readonly name?: string | undefined;
}

/** PagerDuty's limits. */
const longestKey = 255;
const longestSummary = 1_024;

/**
 * Incidents in PagerDuty: a trigger when something is wrong, and a resolve with the same `dedup_key` when it is over.
 *
 * Source: PagerDuty, Events API v2, Send an alert event.
 *
 * @throws RangeError for an empty key or a bad address.
 */
export function pagerDutySink({
  key,
  url = 'https://events.pagerduty.com/v2/enqueue',
  name = 'pagerduty',
}: PagerDutySinkOptions): AlertSink {
  assertText('key', key);
  assertAddress('url', url);
  const body = (notice: AlertNotice): string => JSON.stringify({ routing_key: key, ...pagerDutyEvent(notice) });
  return { name, send: (notice, context) => postAlert({ url, body: body(notice) }, context) };
}

function pagerDutyEvent(notice: AlertNotice): object {
  const { status, severity, source, alerts, more } = notice;
  const [first] = alerts;
  const dedup_key = notice.key.slice(0, longestKey);
  if (status === 'resolved') return { event_action: 'resolve', dedup_key };
  return {
    event_action: 'trigger',
    dedup_key,
    payload: {
      summary: headline(notice).slice(0, longestSummary),
      source,
      severity,
      timestamp: (first?.startedAt ?? notice.at).toISOString(),
      ...(first && { component: first.subject, class: first.class }),
      custom_details: { alerts: alerts.map(alertRecord), more },
    },
  };
}
