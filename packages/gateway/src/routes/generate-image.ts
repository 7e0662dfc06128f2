import { type ImageModel, safeGenerateImage, safeGenerateImageDefaults } from 'ripstop/models';
import type { Chute, CordCall } from 'ripstop/serving';
import { z } from 'zod';
import type { Chain } from '../chains/chains.js';
import type { ModelService } from './model-service.js';
import { told } from './told.js';

const { width, height, steps, guidanceScale } = safeGenerateImageDefaults;

const input = z.object({
  prompt: z.string().refine((text) => text.trim() !== '', 'This field must not be empty'),
  width: z.number().default(width),
  height: z.number().default(height),
  num_inference_steps: z.number().default(steps),
  guidance_scale: z.number().default(guidanceScale),
  negative_prompt: z.string().optional(),
  seed: z.number().int().optional(),
  /** A name under `images`. Default: `default`. */
  model: z.string().min(1).max(128).optional(),
});

/** The guide's cord `POST /generate_image` (R105–R111). */
export function addGenerateImage(chute: Chute, service: ModelService): void {
  chute.cord('generate_image', { input }, async (call) => {
    const { prompt, num_inference_steps, guidance_scale, negative_prompt, model, ...picture } = call.input;
    const chain = service.chains.images(model);
    const options = {
      ...picture,
      steps: num_inference_steps,
      guidanceScale: guidance_scale,
      negativePrompt: negative_prompt,
      timeoutMs: chain.totalMs,
      context: call.context,
    };
    const answer = await safeGenerateImage(asImageModel(chain, call), prompt, options, service.runtime);
    if (answer.warning !== undefined) service.less(call, ['size']);
    return answer;
  });
}

/** The chain as one model that paints. `fields` travel to OpenAI-compatible upstreams as they are. */
export function asImageModel(
  chain: Chain,
  { context, reply }: Pick<CordCall<object, unknown>, 'context' | 'reply'>,
  fields: Readonly<Record<string, unknown>> = {},
): ImageModel {
  const served = told(reply);
  return {
    async generate(request, { signal } = {}) {
      const { text } = await chain.at('images').generate({ ...request, fields }, { signal, context, served });
      return text;
    },
  };
}
