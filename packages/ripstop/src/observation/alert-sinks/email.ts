import { ModelError } from '../../errors/model-error.js';
import { UpstreamUnavailableError } from '../../errors/upstream-errors.js';
import { type AlertNotice, type AlertSink, headline, noticeText } from '../alerts-notice.js';
import { assertText } from './post.js';

/** What sends mail: a transport of nodemailer's, or anything that takes the same. */
export interface MailTransport {
  sendMail(mail: AlertMail): Promise<unknown>;
}

/** One message, as a transport is given it. */
export interface AlertMail {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Options of `emailSink()`. */
export interface EmailSinkOptions {
  /** Made with limits of its own on connecting and on silence: a mail that is on its way cannot be called back. */
  readonly transport: MailTransport;
  /** One address, or several with commas between. */
  readonly to: string;
  /** Default: `to`, where that is one address. */
  readonly from?: string | undefined;
  /** Default: `email`. */
  readonly name?: string | undefined;
}

/**
 * Alerts by e-mail, through a transport that is handed in. Plain text; marked as sent by a machine, so that nobody's
 * absence is answered (RFC 3834).
 *
 * @throws RangeError without a receiver, or without a sender where there are several receivers.
 */
export function emailSink({ transport, to, from = to, name = 'email' }: EmailSinkOptions): AlertSink {
  assertText('to', to);
  if (from === '' || from.includes(',')) throw new RangeError('from must be one address');
  return {
    name,
    async send(notice) {
      try {
        await transport.sendMail(mailOf(notice, { from, to }));
      } catch (error) {
        throw mailError(error);
      }
      return 'accepted';
    },
  };
}

function mailOf(notice: AlertNotice, addresses: Pick<AlertMail, 'from' | 'to'>): AlertMail {
  return {
    ...addresses,
    subject: `[${notice.source}] ${headline(notice)}`,
    text: `${noticeText(notice)}\n`,
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Ripstop-Alert': notice.key.replaceAll(/[^\x21-\x7e]/g, '_') },
  };
}

/** A mail server's reply from 500 on says that another try will get the same (RFC 5321 §4.2.1). */
function mailError(error: unknown): unknown {
  if (ModelError.isInstance(error) || typeof error !== 'object' || error === null) return error;
  const { responseCode } = error as { responseCode?: unknown };
  const isFinal = typeof responseCode === 'number' && responseCode >= 500;
  return new UpstreamUnavailableError('The mail was not accepted', { cause: error, isRetryable: !isFinal });
}
