/** The sinks that a configuration names. */
import type { Runtime } from 'ripstop';
import {
  type AlertSink,
  alertmanagerSink,
  consoleSink,
  emailSink,
  type MailTransport,
  pagerDutySink,
  slackSink,
  webhookSink,
} from 'ripstop/observation';
import type { AlertSinkConfig } from '../config/alerts-schema.js';

/** Each is named for its kind, a second one of a kind `slack-2`. */
export function sinksOf(configs: readonly AlertSinkConfig[], runtime: Runtime): AlertSink[] {
  const counts = new Map<string, number>();
  return configs.map((config) => {
    const [kind = ''] = Object.keys(config);
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    return sinkOf(config, count === 1 ? kind : `${kind}-${count}`, runtime);
  });
}

function sinkOf(config: AlertSinkConfig, name: string, runtime: Runtime): AlertSink {
  if ('slack' in config) return slackSink({ url: config.slack, name });
  if ('pagerduty' in config) {
    const { pagerduty } = config;
    return pagerDutySink({ ...(typeof pagerduty === 'string' ? { key: pagerduty } : pagerduty), name });
  }
  if ('email' in config) {
    const { smtp, to, from } = config.email;
    const all = typeof to === 'string' ? [to] : to;
    return emailSink({ transport: mailTransport(smtp), to: all.join(', '), from: from ?? all[0], name });
  }
  if ('webhook' in config) {
    const { webhook } = config;
    return webhookSink({ ...(typeof webhook === 'string' ? { url: webhook } : webhook), name }, runtime);
  }
  if ('alertmanager' in config) return alertmanagerSink({ url: config.alertmanager, name });
  return consoleSink({ name });
}

/** A try at a delivery is given up after ten seconds, and its connection must not outlive it for long. */
const silenceMs = 9_000;

/** Its client is loaded with the first mail: most gateways send none, and it takes several megabytes. */
function mailTransport(url: string): MailTransport {
  const limits = { connectionTimeout: silenceMs, greetingTimeout: silenceMs, socketTimeout: silenceMs };
  const opening = async (): Promise<MailTransport> => {
    const { createTransport } = await import('nodemailer');
    return createTransport({ url, ...limits, dnsTimeout: silenceMs });
  };
  let transport: Promise<MailTransport> | undefined;
  return {
    async sendMail(mail) {
      transport ??= opening();
      return (await transport).sendMail(mail);
    },
  };
}
