import { type AlertNotice, type AlertSink, headline, noticeText } from '../alerts-notice.js';
import { assertAddress, postAlert } from './post.js';

/** Options of `slackSink()`. */
export interface SlackSinkOptions {
  /** The address of an incoming webhook, which is a secret. */
  readonly url: string;
  /** Default: `slack`. */
  readonly name?: string | undefined;
}

/** Slack's own limit on a section is 3 000 characters. */
const longestText = 2_900;

/**
 * Alerts in a Slack channel, through an incoming webhook.
 *
 * Source: Slack API, Sending messages using incoming webhooks; Formatting text (what must be escaped).
 *
 * @throws RangeError for a bad address.
 */
export function slackSink({ url, name = 'slack' }: SlackSinkOptions): AlertSink {
  assertAddress('url', url);
  return { name, send: (notice, context) => postAlert({ url, body: JSON.stringify(slackMessage(notice)) }, context) };
}

const signs = { critical: ':red_circle:', error: ':large_orange_circle:', warning: ':large_yellow_circle:' } as const;

function slackMessage(notice: AlertNotice): object {
  const sign = notice.status === 'resolved' ? ':large_green_circle:' : signs[notice.severity];
  const [first = '', ...rest] = noticeText(notice).split('\n');
  const text = [`${sign} *${escaped(first)}*`, ...rest.map(escaped)].join('\n').slice(0, longestText);
  return {
    // What a notification shows; the blocks are the message itself.
    text: escaped(headline(notice)),
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text } },
      { type: 'context', elements: [{ type: 'mrkdwn', text: `${escaped(notice.source)} · ${escaped(notice.key)}` }] },
    ],
  };
}

/** Or a name like `<!channel>` would call everybody. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
