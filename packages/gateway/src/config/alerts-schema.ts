/** The configuration of who is told when something is wrong: `alerts`, and the times under `observation.alerts`. */
import { z } from 'zod';
import { duration } from './schema-units.js';
import { shaped } from './shaped.js';

const address = z.url({ protocol: /^https?$/ });
const secret = z.string().min(1);

const slack = z
  .strictObject({ slack: address.describe('The address of an incoming webhook ([more](alerts/slack.md)).') })
  .describe('A Slack channel.');

const pagerduty = z
  .strictObject({
    pagerduty: z
      .union(
        [
          secret,
          z.strictObject({
            key: secret.describe('The integration key.'),
            url: address.optional().describe('Another address than `https://events.pagerduty.com/v2/enqueue`.'),
          }),
        ],
        { error: 'must be the key of an Events API v2 integration, or { key, url }' },
      )
      .describe('The key of an Events API v2 integration ([more](alerts/pagerduty.md)), or the keys below.'),
  })
  .describe('PagerDuty.');

const email = z
  .strictObject({
    email: z
      .strictObject({
        smtp: z
          .string()
          .regex(
            /^smtps?:\/\/./,
            'must be an address such as smtp://127.0.0.1:25 or smtps://user:password@mail.example',
          )
          .describe('The mail server, with user and password where it wants them.'),
        to: z
          .union([secret, z.array(secret).min(1, 'must name at least one receiver')], {
            error: 'must be an address, or a list of them',
          })
          .describe('Who gets it.'),
        from: secret.optional().describe('The sender. Without it the first of `to`.'),
      })
      .describe('Mail ([more](alerts/email.md)).'),
  })
  .describe('E-mail.');

const webhook = z
  .strictObject({
    webhook: z
      .union(
        [
          address,
          z.strictObject({
            url: address.describe('The address.'),
            secret: secret.optional().describe('What messages are signed with.'),
          }),
        ],
        { error: 'must be an address that begins with http:// or https://, or { url, secret }' },
      )
      .describe('An address of your own, which gets JSON ([more](alerts/webhook.md)), or the keys below.'),
  })
  .describe('A webhook.');

const alertmanager = z
  .strictObject({
    alertmanager: address.describe('Where Alertmanager answers, without `/api` ([more](alerts/alertmanager.md)).'),
  })
  .describe('A Prometheus Alertmanager.');

const onConsole = z
  .strictObject({
    console: z
      .literal(true, { error: 'must be true; leave it out for none' })
      .describe('Lines on standard error ([more](alerts/console.md)).'),
  })
  .describe('The console.');

const shapes = { slack, pagerduty, email, webhook, alertmanager, console: onConsole };

type Shape = (typeof shapes)[keyof typeof shapes];
export type AlertSinkConfig = z.output<Shape>;

/** What may be told. */
const sinkKinds: readonly string[] = Object.keys(shapes);

const oneOfThem = z.custom<never>(() => false, `must be a mapping of one key: ${sinkKinds.join(', ')}`);

/** Says of the one key that it is unknown, and takes nothing. */
const noneOfThem = z.strictObject({}) as unknown as z.ZodType<never>;

const sink = shaped<z.ZodType<AlertSinkConfig>>((value) => {
  const keys = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
  const [kind] = keys;
  if (kind === undefined || keys.length > 1) return oneOfThem;
  return Object.hasOwn(shapes, kind) ? shapes[kind as keyof typeof shapes] : noneOfThem;
}, Object.values(shapes));

export const alerts = z
  .array(sink)
  .default([])
  .describe('Who is told when something is wrong: a list ([more](alerts/README.md)).');

/** When they are told. */
export const alertTimes = z
  .strictObject({
    source: z.string().min(1).max(64).default('ripstop').describe('Who tells, for receivers of several gateways.'),
    group: duration
      .prefault('5s')
      .describe('How long the first alert waits for others, so that one outage is one message.'),
    clear: duration.prefault('60s').describe('How long it must stay well until it is told to be over.'),
    cooldown: duration.prefault('5m').describe('The same alert is not told anew for so long.'),
  })
  .describe('When the sinks under `alerts` are told.');

export const alertTimeKeys: readonly string[] = Object.keys(alertTimes.shape);

/** The keys that may stand at each place. */
export const alertKeys: Readonly<Record<string, readonly string[]>> = {
  'alerts.*': sinkKinds,
  'alerts.*.email': ['smtp', 'to', 'from'],
  'alerts.*.pagerduty': ['key', 'url'],
  'alerts.*.webhook': ['url', 'secret'],
};
