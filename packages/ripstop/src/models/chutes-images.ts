import { type Runtime, systemRuntime } from '../call/runtime.js';
import { imageType } from './image-bytes.js';
import { diffusionFields, type HttpImageModel } from './openai-images.js';
import { endpoint, type EndpointOptions, imageTimeouts } from './upstream-endpoint.js';

/** Options of `chutesImages()`. `url` is the chute's own host, or `https://image.chutes.ai`. */
export interface ChutesImagesOptions extends EndpointOptions {
  /** Which model paints, where the host has several. Default: none is named. */
  readonly model?: string | undefined;
}

/**
 * An image model of Chutes: `POST {url}/generate`, which answers the bytes of the picture. Every failure is the
 * ModelError that it means; an abort ends the request at once.
 *
 * Source: the diffusion template of chutesai/chutes (MIT).
 *
 * @throws RangeError for a bad option.
 */
export function chutesImages(options: ChutesImagesOptions, runtime: Runtime = systemRuntime): HttpImageModel {
  const { model } = options;
  const post = endpoint(imageTimeouts(options), '/generate', runtime);
  return {
    async generate(request, callOptions = {}) {
      const { prompt, width, height } = request;
      const named = model === undefined ? {} : { model };
      const body = { ...named, prompt, width, height, ...diffusionFields(request) };
      const answer = await post(body, { ...callOptions, accept: 'image/*' });
      if (imageType(answer.bytes) === undefined) throw answer.meaning();
      return answer.bytes;
    },
  };
}
