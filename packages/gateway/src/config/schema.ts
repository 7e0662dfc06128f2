import { z } from 'zod';
import { observation } from './observation-schema.js';
import { count, duration, size } from './schema-units.js';

/** Keys that the design names and a later version will read. Refused until then, so that nobody relies on them. */
export const laterKeys: readonly string[] = ['journal', 'alerts', 'shared', 'telemetry'];

const port = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,5}$/)
      .transform(Number),
  ])
  .pipe(z.number().int().min(0).max(65_535));

const notYet = z.literal(false, { error: 'is not in this version; leave it out or set it to false' });

const server = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  port: port.default(8787),
  /** The largest request body. */
  bodyLimit: size.prefault('10mb'),
  /** How errors choose their status: plain HTTP, or what the Chutes platform passes on. */
  profile: z.enum(['http', 'chutes']).default('http'),
  /** What callers authenticate with. None: anybody on this machine may call. */
  keys: z.array(z.string().min(1)).default([]),
  /** What operators authenticate with, for the pages that show the inside. */
  adminKeys: z.array(z.string().min(1)).default([]),
  /** How long requests that are under way may take to end when the gateway is told to stop. */
  drain: duration.prefault('30s'),
});

const httpUpstream = z.strictObject({
  /** The base of an OpenAI-compatible API, `/v1` included. */
  url: z.url({ protocol: /^https?$/ }),
  /** The upstream's own name of the model. */
  model: z.string().min(1),
  key: z.string().min(1).optional(),
  headers: z.record(z.string(), z.string()).default({}),
  /** Tokens that the model's window holds. Declared, so that a longer request can go to a larger one. */
  contextLength: count.optional(),
  /** Calls at a time. Without it the limit is found out: it is cut when the upstream says that it was too much. */
  maxInFlight: count.optional(),
  /** Does it go on from a last message of the assistant's? Then it is given the beginning of a stream that broke off. */
  prefill: z
    .literal([true, false, 'prefix', 'continue_final_message'], {
      error: 'must be true, false, prefix or continue_final_message',
    })
    .default(false),
  /** How it is asked for a picture: as OpenAI is, as servers of open models are, or as Chutes is. */
  images: z.enum(['openai', 'diffusion', 'chutes']).default('openai'),
});

const embeddedUpstream = z.strictObject({
  engine: z.literal('embedded', { error: 'must be embedded or gguf' }),
  /** `auto` takes node-llama-cpp where it is installed, and the interpreter that ships with the gateway otherwise. */
  runtime: z.enum(['auto', 'interpreter', 'llama.cpp']).default('auto'),
  maxMemory: size.prefault('1gb'),
  maxInFlight: count.optional(),
});

const ggufUpstream = z.strictObject({
  engine: z.literal('gguf'),
  /** A GGUF file of your own. Needs node-llama-cpp. */
  file: z.string().min(1),
  contextLength: count.optional(),
  maxMemory: size.optional(),
  maxInFlight: count.optional(),
});

const timeoutDefaultsText = {
  connect: '2s',
  headers: '60s',
  firstContent: '10s',
  gap: '10s',
  total: '120s',
} as const;

const timeouts = z.strictObject({
  connect: duration.prefault(timeoutDefaultsText.connect),
  headers: duration.prefault(timeoutDefaultsText.headers),
  firstContent: duration.prefault(timeoutDefaultsText.firstContent),
  gap: duration.prefault(timeoutDefaultsText.gap),
  total: duration.prefault(timeoutDefaultsText.total),
});

/** A picture comes whole, and its headers when it is finished. */
const imageTimeouts = timeouts
  .omit({ firstContent: true })
  .extend({ headers: duration.prefault(timeoutDefaultsText.total) });

/** The schema that the value's own shape calls for, so that its issues speak of that shape and not of every other. */
function shaped<S extends z.ZodType>(choose: (value: unknown) => S): z.ZodType<z.output<S>> {
  return z.unknown().transform((value, context) => {
    const parsed = choose(value).safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) context.issues.push({ ...issue, input: value } as never);
    return z.NEVER;
  });
}

const upstream = shaped<typeof httpUpstream | typeof embeddedUpstream | typeof ggufUpstream>((value) => {
  const engine = typeof value === 'object' && value !== null && 'engine' in value ? value.engine : undefined;
  if (engine === undefined) return httpUpstream;
  return engine === 'gguf' ? ggufUpstream : embeddedUpstream;
});

const chain = z.array(z.string()).min(1, 'must name at least one upstream');

const retry = z.strictObject({ attempts: count.max(3).default(3) }).prefault({});
const breaker = z.strictObject({ consecutive: count.default(5), cooldown: duration.prefault('2s') }).prefault({});

const modelSettings = z.strictObject({
  chain,
  timeouts: timeouts.prefault({}),
  retry,
  breaker,
  /** Is a stream of plain text that breaks off said to its end by another upstream? */
  resume: z.boolean().default(true),
  hedge: notYet.default(false),
});

const imageSettings = z.strictObject({ chain, timeouts: imageTimeouts.prefault({}), retry, breaker });

/** A list of names is short for a chain with all defaults. */
const model = shaped<z.ZodType<z.output<typeof modelSettings>>>((value) => {
  return Array.isArray(value) ? chain.transform((names) => modelSettings.parse({ chain: names })) : modelSettings;
});
const imageModel = shaped<z.ZodType<z.output<typeof imageSettings>>>((value) => {
  return Array.isArray(value) ? chain.transform((names) => imageSettings.parse({ chain: names })) : imageSettings;
});

const aShare = 'must be a share above 0 and below 1, such as 0.7';
const share = z.number().gt(0, aShare).lt(1, aShare);

const load = z.strictObject({
  /** Requests to models under way at a time, streams until their end included. */
  maxInFlight: count.default(256),
  /** Requests that may wait for a slot. */
  queue: z.number().int().min(0).default(64),
  /** How long one may wait; never longer than its deadline. */
  queueWait: duration.prefault('2s'),
  /** How often each key may ask; more is refused with 429. */
  perKey: z.strictObject({ requests: count, per: duration.prefault('1m') }).optional(),
  /** The pressure above which a level begins: 0 is idle, 1 is full. */
  levels: z
    .strictObject({ reduced: share.default(0.7), minimal: share.default(0.9) })
    .refine(({ reduced, minimal }) => reduced < minimal, 'reduced must be below minimal')
    .prefault({}),
});

export const configSchema = z.strictObject({
  server: server.prefault({}),
  upstreams: z
    .record(
      z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores'),
      upstream,
    )
    .prefault({ local: { engine: 'embedded' } }),
  models: z.record(z.string().min(1).max(128), model).prefault({ default: ['local'] }),
  /** What callers may ask for a picture. */
  images: z.record(z.string().min(1).max(128), imageModel).default({}),
  load: load.prefault({}),
  observation: observation.prefault({}),
});

export type Config = z.output<typeof configSchema>;
export type UpstreamConfig = HttpUpstreamConfig | EmbeddedUpstreamConfig | GgufUpstreamConfig;
export type HttpUpstreamConfig = z.output<typeof httpUpstream>;
export type EmbeddedUpstreamConfig = z.output<typeof embeddedUpstream>;
export type GgufUpstreamConfig = z.output<typeof ggufUpstream>;
export type ModelConfig = z.output<typeof modelSettings>;
export type ImageConfig = z.output<typeof imageSettings>;
export type ServerConfig = Config['server'];
export type LoadConfig = Config['load'];

/** The keys that may stand at each place, for suggesting the right one. */
export const knownKeys: Readonly<Record<string, readonly string[]>> = {
  '': [...Object.keys(configSchema.shape), ...laterKeys],
  server: Object.keys(server.shape),
  'upstreams.*': [
    ...new Set([httpUpstream, embeddedUpstream, ggufUpstream].flatMap((schema) => Object.keys(schema.shape))),
  ],
  'models.*': Object.keys(modelSettings.shape),
  'models.*.timeouts': Object.keys(timeouts.shape),
  'models.*.retry': ['attempts'],
  'models.*.breaker': ['consecutive', 'cooldown'],
  'images.*': Object.keys(imageSettings.shape),
  'images.*.timeouts': Object.keys(imageTimeouts.shape),
  'images.*.retry': ['attempts'],
  'images.*.breaker': ['consecutive', 'cooldown'],
  load: Object.keys(load.shape),
  'load.*': ['reduced', 'minimal', 'requests', 'per'],
  observation: Object.keys(observation.shape),
  'observation.*': ['recent', 'baseline', 'minCount', 'multiplier', 'interval', 'timeout'],
};
