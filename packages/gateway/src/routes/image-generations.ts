import type { Runtime } from 'ripstop';
import { type ImageLimits, type SafeImage, safeGenerateImage } from 'ripstop/models';
import type { Chute } from 'ripstop/serving';
import { z } from 'zod';
import { asImageModel } from './generate-image.js';
import type { ModelService } from './model-service.js';

const size = z
  .string()
  .regex(/^(?:auto|[1-9]\d{0,4}x[1-9]\d{0,4})$/, 'must be a width and a height in pixels, such as 1024x1024')
  .nullish();

const never = 'is not served here: pictures come whole, as b64_json';

/** What we look at; every other field travels to an OpenAI-compatible upstream as it is. */
const input = z.looseObject({
  model: z.string().min(1).max(128).optional(),
  prompt: z.string().refine((text) => text.trim() !== '', 'must not be empty'),
  n: z.number().int().min(1).max(10).nullish(),
  size,
  response_format: z.literal('b64_json', { error: never }).nullish(),
  stream: z.literal(false, { error: never }).nullish(),
  num_inference_steps: z.number().optional(),
  guidance_scale: z.number().optional(),
  negative_prompt: z.string().optional(),
  seed: z.number().int().optional(),
});

/** The upstream says what it can paint; these keep out what nobody can. */
const limits: ImageLimits = {
  minSide: 1,
  maxSide: 16_384,
  maxPixels: 2 ** 26,
  maxSteps: 1_000,
  minGuidance: 0,
  maxGuidance: 1_000,
};

/** `POST /v1/images/generations`: OpenAI's pictures, from the chain under `images` that the request names. */
export function addImageGenerations(chute: Chute, service: ModelService): void {
  const { runtime } = service;
  chute.cord('images_generations', { path: '/v1/images/generations', dialect: 'openai', input }, async (call) => {
    const { context, reply } = call;
    const asked = service.allowed(call, call.input);
    const { model, prompt, n, size: sides, response_format: _format, stream: _stream, ...more } = asked;
    const { num_inference_steps: steps, guidance_scale: guidanceScale, negative_prompt, seed, ...fields } = more;
    const chain = service.chains.images(model);
    const [width, height] = (sides ?? 'auto') === 'auto' ? [1_024, 1_024] : (sides ?? '').split('x').map(Number);
    const picture = { width, height, steps, guidanceScale, negativePrompt: negative_prompt, seed };
    const painter = asImageModel(chain, { context, reply }, fields);
    const endsAt = runtime.clock.now() + chain.totalMs;
    const pictures: SafeImage[] = [];
    // One after the other: several at once would each take a slot of the upstream, and this request has one of ours.
    while (pictures.length < (n ?? 1)) {
      const timeoutMs = Math.max(endsAt - runtime.clock.now(), 1);
      pictures.push(await safeGenerateImage(painter, prompt, { ...picture, limits, timeoutMs, context }, runtime));
    }
    if (pictures.some(({ warning }) => warning !== undefined)) service.less(call, ['size']);
    return answerOf(pictures, runtime);
  });
}

function answerOf(pictures: readonly SafeImage[], { clock }: Runtime): object {
  const [first] = pictures;
  const warning = pictures.find((picture) => picture.warning !== undefined)?.warning;
  return {
    created: Math.floor(clock.date().getTime() / 1000),
    data: pictures.map(({ image }) => ({ b64_json: image })),
    ...(first === undefined ? {} : { size: `${first.width}x${first.height}` }),
    ...(warning === undefined ? {} : { x_resilience: { warning } }),
  };
}
