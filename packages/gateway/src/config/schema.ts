import { z } from 'zod';
import { alertKeys, alerts, alertTimeKeys } from './alerts-schema.js';
import { observation } from './observation-schema.js';
import { count, duration, size } from './schema-units.js';
import { shaped } from './shaped.js';
import { upstream, upstreamKeys } from './upstream-schema.js';

/** Keys that the design names and a later version will read. Refused until then, so that nobody relies on them. */
export const laterKeys: readonly string[] = ['journal', 'shared', 'telemetry'];

const port = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,5}$/)
      .transform(Number),
  ])
  .pipe(z.number().int().min(0).max(65_535));

const server = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe('The address to listen on; any other than loopback needs `keys`.'),
    port: port.default(8787).describe('0 takes any free port.'),
    bodyLimit: size.prefault('10mb').describe('The largest request body; more is refused with 413.'),
    profile: z
      .enum(['http', 'chutes'])
      .default('http')
      .describe('How errors choose their status: plain HTTP, or what the Chutes platform passes on.'),
    keys: z
      .array(z.string().min(1))
      .default([])
      .describe('What callers authenticate with. None: anybody on this machine may call.'),
    adminKeys: z
      .array(z.string().min(1))
      .default([])
      .describe('What operators authenticate with, for the pages that show the inside; an admin key opens everything.'),
    drain: duration
      .prefault('30s')
      .describe('How long requests that are under way may take to end when the gateway is told to stop.'),
    streamErrorAbort: z
      .boolean()
      .default(false)
      .describe('Does a stream that ends in an error break its connection as well, after the frame that says so?'),
    drainWait: duration
      .prefault('3s')
      .describe(
        'After SIGTERM, how long `/readyz` says 503 before new connections are refused: what a load balancer needs to notice.',
      ),
  })
  .describe('Where the gateway listens, who may call, how it ends.');

const timeoutDefaultsText = {
  connect: '2s',
  headers: '60s',
  firstContent: '10s',
  gap: '10s',
  total: '120s',
} as const;

const timeouts = z
  .strictObject({
    connect: duration.prefault(timeoutDefaultsText.connect).describe('For a connection.'),
    headers: duration
      .prefault(timeoutDefaultsText.headers)
      .describe('Until the headers of an answer that is no stream.'),
    firstContent: duration
      .prefault(timeoutDefaultsText.firstContent)
      .describe('Until a stream’s first content; models that think in silence need more.'),
    gap: duration
      .prefault(timeoutDefaultsText.gap)
      .describe('From one content of a stream, or one piece of a body, to the next.'),
    minRate: z
      .number()
      .positive()
      .optional()
      .describe(
        'Contents of a stream a second (tokens, as a rule) over 5 s; a stream that drips more slowly has failed.',
      ),
    total: duration
      .prefault(timeoutDefaultsText.total)
      .describe(
        'For the whole call, retries, fallbacks and the stream included; `X-Request-Timeout-Ms` may ask for less.',
      ),
  })
  .describe('Limits in time. The first that is over ends the try.');

/** A picture comes whole, and its headers when it is finished. */
const imageTimeouts = timeouts.omit({ firstContent: true, minRate: true }).extend({
  headers: duration
    .prefault(timeoutDefaultsText.total)
    .describe('Until the headers, which come when the picture is finished.'),
});

const chain = z
  .array(z.string())
  .min(1, 'must name at least one upstream')
  .describe('The upstreams, asked in this order; each is visited once.');

const retry = z
  .strictObject({
    attempts: count.max(3).default(3).describe('Tries per upstream, the first included; at most 3.'),
  })
  .prefault({})
  .describe('How often one upstream is tried.');
const breaker = z
  .strictObject({
    consecutive: count.default(5).describe('Failures in a row after which an upstream is left alone.'),
    cooldown: duration.prefault('2s').describe('For how long at first; then longer, up to 10 s.'),
  })
  .prefault({})
  .describe('When an upstream is left alone.');

const modelSettings = z.strictObject({
  chain,
  timeouts: timeouts.prefault({}),
  retry,
  breaker,
  resume: z
    .boolean()
    .default(true)
    .describe('Is a stream of plain text that breaks off said to its end by another upstream? ([more](resume.md))'),
  whenFiltered: z
    .enum(['stop', 'next'])
    .default('stop')
    .describe('After a safety filter’s refusal: that is the answer (`stop`), or the next upstream is asked (`next`).'),
  hedge: z
    .union([z.boolean(), z.strictObject({ after: duration.optional() })], {
      error: 'must be true, false, or the time to wait before it, such as { after: 500ms }',
    })
    .transform((value) => (value === true ? {} : value))
    .default(false)
    .describe(
      'Is a stream without content asked of the next upstream too, beside the first? `true`: after what 95 % of recent streams took. `{ after: 500ms }`: after that.',
    ),
  smaller: z
    .string()
    .optional()
    .describe(
      'Another name under `models`: it answers at `minimal`, for requests of a priority below 5. Without it they are shed.',
    ),
});

const imageSettings = z.strictObject({ chain, timeouts: imageTimeouts.prefault({}), retry, breaker });

/** A list of names is short for a chain with all defaults. */
const model = shaped<z.ZodType<z.output<typeof modelSettings>>>(
  (value) => (Array.isArray(value) ? chain.transform((names) => modelSettings.parse({ chain: names })) : modelSettings),
  [chain, modelSettings],
);
const imageModel = shaped<z.ZodType<z.output<typeof imageSettings>>>(
  (value) => (Array.isArray(value) ? chain.transform((names) => imageSettings.parse({ chain: names })) : imageSettings),
  [chain, imageSettings],
);

const aShare = 'must be a share above 0 and below 1, such as 0.7';
const share = z.number().gt(0, aShare).lt(1, aShare);

const load = z
  .strictObject({
    maxInFlight: count
      .default(256)
      .describe('Requests to models under way at a time, streams until their end included.'),
    queue: z.number().int().min(0).default(64).describe('Requests that may wait for a slot; 0: nobody waits.'),
    queueWait: duration.prefault('2s').describe('How long one may wait; never longer than its deadline.'),
    perKey: z
      .strictObject({
        requests: count.describe('Requests that each of `server.keys` may send in `per`; more are refused with 429.'),
        per: duration.prefault('1m').describe('In which time.'),
      })
      .optional()
      .describe('A limit for each key besides. Without it there is none.'),
    degrade: z
      .boolean()
      .default(false)
      .describe('Do the levels shorten what `/v1/*` is asked for? `/adaptive_generate` is shortened in any case.'),
    levels: z
      .strictObject({
        reduced: share.default(0.7).describe('The pressure above which the service counts as reduced.'),
        minimal: share.default(0.9).describe('The pressure above which it counts as minimal.'),
      })
      .refine(({ reduced, minimal }) => reduced < minimal, 'reduced must be below minimal')
      .prefault({})
      .describe('The pressure above which a level begins: 0 is idle, 1 is full.'),
  })
  .describe('How many requests are under way, how many wait, and who is refused.');

const modelName = z.string().min(1).max(128);

export const configSchema = z.strictObject({
  server: server.prefault({}),
  upstreams: z
    .record(
      z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores'),
      upstream,
    )
    .prefault({ local: { engine: 'embedded' } })
    .describe('Who answers, by a name of yours. Callers cannot ask for these names; answers tell them.'),
  models: z
    .record(modelName, model)
    .prefault({ default: ['local'] })
    .describe('What callers may ask for; who names no model gets `default`.'),
  images: z.record(modelName, imageModel).default({}).describe('What callers may ask for a picture.'),
  load: load.prefault({}),
  observation: observation.prefault({}),
  alerts,
});

export type { HttpUpstreamConfig, UpstreamConfig } from './upstream-schema.js';

export type Config = z.output<typeof configSchema>;
export type ModelConfig = z.output<typeof modelSettings>;
export type ImageConfig = z.output<typeof imageSettings>;
export type ServerConfig = Config['server'];
export type LoadConfig = Config['load'];

/** The keys that may stand at each place, for suggesting the right one. */
export const knownKeys: Readonly<Record<string, readonly string[]>> = {
  '': [...Object.keys(configSchema.shape), ...laterKeys],
  server: Object.keys(server.shape),
  'upstreams.*': upstreamKeys,
  'models.*': Object.keys(modelSettings.shape),
  'models.*.timeouts': Object.keys(timeouts.shape),
  'models.*.retry': ['attempts'],
  'models.*.breaker': ['consecutive', 'cooldown'],
  'models.*.hedge': ['after'],
  'images.*': Object.keys(imageSettings.shape),
  'images.*.timeouts': Object.keys(imageTimeouts.shape),
  'images.*.retry': ['attempts'],
  'images.*.breaker': ['consecutive', 'cooldown'],
  load: Object.keys(load.shape),
  'load.*': ['reduced', 'minimal', 'requests', 'per'],
  observation: Object.keys(observation.shape),
  'observation.*': [
    'recent',
    'baseline',
    'minCount',
    'multiplier',
    'interval',
    'timeout',
    'probes',
    'paidEvery',
    'settle',
    ...alertTimeKeys,
  ],
  ...alertKeys,
};
