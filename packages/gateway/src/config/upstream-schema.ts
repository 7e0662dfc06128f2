/** The configuration of those who answer: `upstreams`. */
import { z } from 'zod';
import { count, duration, size } from './schema-units.js';
import { shaped } from './shaped.js';

const ownLimit = count
  .optional()
  .describe(
    'Calls at a time. Without it the limit begins at `load.maxInFlight`, is cut by a tenth when the upstream says that it was too much (never below 2), and grows again.',
  );

/** Addresses are told in messages, and credentials are not. */
function holdsNoCredential(url: string): boolean {
  if (!URL.canParse(url)) return true;
  const { username, password } = new URL(url);
  return username + password === '';
}

const httpUpstream = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .refine(holdsNoCredential, 'must not hold a user or a password; use key')
      .describe('The base of an OpenAI-compatible API, `/v1` included.'),
    model: z.string().min(1).describe('The upstream’s own name of the model.'),
    key: z.string().min(1).optional().describe('Sent as `Authorization: Bearer`.'),
    headers: z.record(z.string(), z.string()).default({}).describe('Sent with every request.'),
    contextLength: count
      .optional()
      .describe('Tokens that the model’s window holds. Declared, so that a longer request can go to a larger one.'),
    firstContent: duration
      .optional()
      .describe('Instead of `timeouts.firstContent` of the models that ask it: some think in silence.'),
    maxInFlight: ownLimit,
    prefill: z
      .literal([true, false, 'prefix', 'continue_final_message'], {
        error: 'must be true, false, prefix or continue_final_message',
      })
      .default(false)
      .describe(
        'Can it go on from the beginning of an answer? `true` where an assistant’s last message is enough, `prefix` (Mistral, DeepSeek) or `continue_final_message` (vLLM, SGLang) where it wants that field besides ([more](resume.md)).',
      ),
    images: z
      .enum(['openai', 'diffusion', 'chutes'])
      .default('openai')
      .describe(
        'How it is asked for a picture: as OpenAI is, as servers of open models are (steps, guidance, negative prompt and seed besides), or as Chutes is (`POST /generate`, which answers bytes).',
      ),
  })
  .describe('A service over HTTP, which a `url` names.');

const embeddedUpstream = z
  .strictObject({
    engine: z.literal('embedded', { error: 'must be embedded or gguf' }).describe('Stands where others have a `url`.'),
    runtime: z
      .enum(['auto', 'interpreter', 'llama.cpp'])
      .default('auto')
      .describe('`auto` takes node-llama-cpp where it is installed, and the interpreter that comes along otherwise.'),
    maxMemory: size.prefault('1gb').describe('Above it the engine is killed and started anew.'),
    maxInFlight: ownLimit,
  })
  .describe('The model that comes along ([more](embedded-model.md)).');

const ggufUpstream = z
  .strictObject({
    engine: z.literal('gguf').describe('Stands where others have a `url`.'),
    file: z.string().min(1).describe('The path of the file. Needs node-llama-cpp.'),
    contextLength: count
      .optional()
      .describe('Tokens of the window. Without it as many as the model was trained with, 4096 at most.'),
    maxMemory: size.optional().describe('Above it the engine is killed and started anew.'),
    maxInFlight: ownLimit,
  })
  .describe('A GGUF file of your own ([more](embedded-model.md)).');

export const upstream = shaped<typeof httpUpstream | typeof embeddedUpstream | typeof ggufUpstream>(
  (value) => {
    const engine = typeof value === 'object' && value !== null && 'engine' in value ? value.engine : undefined;
    if (engine === undefined) return httpUpstream;
    return engine === 'gguf' ? ggufUpstream : embeddedUpstream;
  },
  [httpUpstream, embeddedUpstream, ggufUpstream],
);

/** Every key that some upstream may have. */
export const upstreamKeys: readonly string[] = [
  ...new Set([httpUpstream, embeddedUpstream, ggufUpstream].flatMap((schema) => Object.keys(schema.shape))),
];

export type HttpUpstreamConfig = z.output<typeof httpUpstream>;
export type UpstreamConfig = HttpUpstreamConfig | z.output<typeof embeddedUpstream> | z.output<typeof ggufUpstream>;
