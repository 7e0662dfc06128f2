import { badOption } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { imageType } from './image-bytes.js';
import type { ImageModel, ImageOptions, ImageRequest } from './image-model.js';
import { isJson, parseJson } from './openai-wire.js';
import { endpoint, type EndpointOptions, imageTimeouts } from './upstream-endpoint.js';
import { textOfBody } from './upstream-request.js';

/** Options of `openaiImages()`. */
export interface OpenaiImagesOptions extends EndpointOptions {
  /** What the upstream calls the model. */
  readonly model: string;
  /**
   * What is sent beside prompt and size. `diffusion`: steps, guidance, negative prompt and seed too, as servers of open
   * models understand them; OpenAI itself refuses them. Default: `openai`.
   */
  readonly parameters?: 'openai' | 'diffusion' | undefined;
  /** Sent with every request as it is; it wins over ours, and a field that is `undefined` is not sent. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
}

/** An image model behind HTTP. */
export interface HttpImageModel extends ImageModel {
  generate(request: ImageRequest, options?: ImageOptions): Promise<Uint8Array | string>;
}

/**
 * An image model behind `POST {url}/images/generations`: one picture a request, as base64. A link to a picture is no
 * answer, since nobody knows where it leads. `gpt-image-1` refuses `response_format`: for it, `fields: { response_format:
 * undefined }`. Every failure is the ModelError that it means; an abort ends the request at once.
 *
 * @throws RangeError for a bad option.
 */
export function openaiImages(options: OpenaiImagesOptions, runtime: Runtime = systemRuntime): HttpImageModel {
  const { model, parameters = 'openai', fields = {} } = options;
  if (typeof model !== 'string' || model === '') throw badOption('model', 'must be a name', model);
  if (parameters !== 'openai' && parameters !== 'diffusion')
    throw badOption('parameters', 'must be one of openai, diffusion', parameters);
  const post = endpoint(imageTimeouts(options), '/images/generations', runtime);
  return {
    async generate(request, callOptions = {}) {
      const { prompt, width, height } = request;
      const more = parameters === 'openai' ? {} : diffusionFields(request);
      const body = { model, prompt, n: 1, size: `${width}x${height}`, response_format: 'b64_json', ...more, ...fields };
      const answer = await post(body, { ...callOptions, accept: 'application/json' });
      const image = pictureIn(textOfBody(answer.bytes));
      if (image === undefined || imageType(image) === undefined) throw answer.meaning();
      return image;
    },
  };
}

/** As diffusers names them. */
export function diffusionFields({ negativePrompt, steps, guidanceScale, seed }: ImageRequest): object {
  return {
    num_inference_steps: steps,
    guidance_scale: guidanceScale,
    ...(negativePrompt === undefined ? {} : { negative_prompt: negativePrompt }),
    ...(seed === undefined ? {} : { seed }),
  };
}

function pictureIn(body: string): string | undefined {
  const data = parseJson(body)?.['data'];
  const first: unknown = Array.isArray(data) ? data[0] : undefined;
  const picture = isJson(first) ? first['b64_json'] : undefined;
  return typeof picture === 'string' ? picture : undefined;
}
