import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { type AlertNotice, alertRecord, type AlertSink, headline } from '../alerts-notice.js';
import { assertAddress, assertText, postAlert } from './post.js';

/** Options of `webhookSink()`. */
export interface WebhookSinkOptions {
  readonly url: string;
  /** What messages are signed with: any text, or `whsec_` and bytes in base64. Default: they are not signed. */
  readonly secret?: string | undefined;
  /** Default: `webhook`. */
  readonly name?: string | undefined;
}

/**
 * Alerts as JSON, to an address of your own.
 *
 * Signed as Standard Webhooks has it, so that its libraries can verify them: `webhook-id`, which stays when a delivery is
 * repeated, `webhook-timestamp`, in seconds, and `webhook-signature`, the HMAC-SHA256 of id, timestamp and body.
 *
 * Source: Standard Webhooks, specification 1.0.
 *
 * @throws RangeError for a bad address or an empty secret.
 */
export function webhookSink(
  { url, secret, name = 'webhook' }: WebhookSinkOptions,
  { clock }: Runtime = systemRuntime,
): AlertSink {
  assertAddress('url', url);
  if (secret !== undefined) assertText('secret', secret);
  const key = secret === undefined ? undefined : bytesOf(secret);
  return {
    name,
    async send(notice, context) {
      const body = JSON.stringify(webhookMessage(notice));
      const timestamp = String(Math.floor(clock.date().getTime() / 1_000));
      const headers = { 'webhook-id': notice.id, 'webhook-timestamp': timestamp };
      if (key === undefined) return postAlert({ url, body, headers }, context);
      const signature = await signatureOf(`${notice.id}.${timestamp}.${body}`, key);
      return postAlert({ url, body, headers: { ...headers, 'webhook-signature': `v1,${signature}` } }, context);
    },
  };
}

function webhookMessage(notice: AlertNotice): object {
  const { id, key, status, severity, source, at, alerts, more } = notice;
  return {
    id,
    key,
    status,
    severity,
    source,
    timestamp: at.toISOString(),
    summary: headline(notice),
    alerts: alerts.map(alertRecord),
    more,
  };
}

const prefix = 'whsec_';

function bytesOf(secret: string): Uint8Array<ArrayBuffer> {
  if (!secret.startsWith(prefix)) return new TextEncoder().encode(secret);
  try {
    return Uint8Array.from(atob(secret.slice(prefix.length)), (letter) => letter.charCodeAt(0));
  } catch {
    throw new RangeError(`secret must be base64 behind ${prefix}`);
  }
}

/** In base64. */
async function signatureOf(text: string, secret: Uint8Array<ArrayBuffer>): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', secret, algorithm, false, ['sign']);
  const signature = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(signature)));
}
