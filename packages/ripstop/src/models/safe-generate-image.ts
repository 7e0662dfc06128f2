import type { CallContext } from '../call/call.js';
import { type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { ModelError } from '../errors/model-error.js';
import { GenerationFailedError, InvalidResponseError, OutOfMemoryError } from '../errors/upstream-errors.js';
import { timeout } from '../policies/timeout.js';
import { base64Of, imageType, type ImageType } from './image-bytes.js';
import { assertRequest, type ImageLimits, limitsOf, reducedRequest } from './image-limits.js';
import type { ImageModel, ImageOptions, ImageRequest, ImageResult } from './image-model.js';
import { memoryShortage } from './memory-check.js';
import { modelFailure } from './model-failure.js';

/** Options of `safeGenerateImage()`. */
export interface SafeGenerateImageOptions extends ImageOptions {
  /** In pixels. Default: 512. */
  readonly width?: number | undefined;
  /** In pixels. Default: 512. */
  readonly height?: number | undefined;
  /** Steps of denoising. Default: 20. */
  readonly steps?: number | undefined;
  /** Default: 7.5. */
  readonly guidanceScale?: number | undefined;
  readonly negativePrompt?: string | undefined;
  readonly seed?: number | undefined;
  /** What may be asked for. Default: `imageLimitDefaults`. */
  readonly limits?: ImageLimits | undefined;
  /** The time for everything, the retry included, in milliseconds. Default: 120 000, since pictures take long. */
  readonly timeoutMs?: number | undefined;
  /** The call that this one is a part of. */
  readonly context?: CallContext | undefined;
}

type Settings = Defaults<SafeGenerateImageOptions, 'width' | 'height' | 'steps' | 'guidanceScale' | 'timeoutMs'>;

/** The defaults of `safeGenerateImage()` (R105). */
export const safeGenerateImageDefaults: Settings = {
  width: 512,
  height: 512,
  steps: 20,
  guidanceScale: 7.5,
  timeoutMs: 120_000,
};

/** The guide's keys (R109). */
export interface SafeImage {
  /** The file in base64. */
  readonly image: string;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly success: true;
  /** What kind of file it is, where it is no PNG. */
  readonly media_type?: Exclude<ImageType, 'image/png'>;
  /** What the caller should know about the picture. */
  readonly warning?: string;
}

const reducedWarning = 'Parameters reduced due to memory constraints';

/**
 * Asks a model for a picture, and fails only in ways that can be handled.
 *
 * Before: size, steps and guidance must be within their limits, and memory must be left, if need be after the cache is
 * cleared. During: one limit on everything, at which the work itself is told to stop. Should memory run out, the cache
 * is cleared and a smaller picture is asked for, once. After: what is no picture is no answer, and no error holds the
 * prompt.
 *
 * @throws InvalidInputError, OutOfMemoryError, InferenceTimeoutError, and whatever the model's failure means; a caller's
 * abort reason as it is. RangeError for a bad `timeoutMs` or `limits`.
 */
export async function safeGenerateImage(
  model: ImageModel,
  prompt: string,
  options: SafeGenerateImageOptions = {},
  runtime: Runtime = systemRuntime,
): Promise<SafeImage> {
  const settings = withDefaults<SafeGenerateImageOptions, Settings>(safeGenerateImageDefaults, options);
  const { width, height, steps, guidanceScale, negativePrompt, seed, timeoutMs, signal, context } = settings;
  const request: ImageRequest = { prompt, negativePrompt, width, height, steps, guidanceScale, seed };
  const limits = limitsOf(settings.limits);
  assertRequest(request, limits);

  const work = async (attempt: CallContext): Promise<SafeImage> => {
    const correlationId = settings.correlationId ?? context?.correlationId;
    const painter: Painter = { model, attempt, options: { signal: attempt.signal, correlationId } };
    try {
      await prepare(model);
      return await painted(painter, request, () => reducedRequest(request, limits));
    } catch (error) {
      throw imageFailure(error, request);
    }
  };
  return await timeout({ limitMs: timeoutMs }, runtime).execute(work, { signal, context });
}

interface Painter {
  readonly model: ImageModel;
  readonly attempt: CallContext;
  readonly options: ImageOptions;
}

/** @throws OutOfMemoryError where clearing the cache does not help. */
async function prepare(model: ImageModel): Promise<void> {
  if (memoryShortage(await model.memory?.()) === undefined) return;
  await model.clearCache?.();
  const shortage = memoryShortage(await model.memory?.());
  if (shortage !== undefined) throw shortage;
}

async function painted(painter: Painter, request: ImageRequest, reduce: () => ImageRequest): Promise<SafeImage> {
  const { model, attempt, options } = painter;
  try {
    return asSafeImage(await model.generate(request, options), request);
  } catch (error) {
    if (attempt.aborted || !OutOfMemoryError.isInstance(modelFailure(error))) throw error;
  }
  const reduced = reduce();
  const { width, height, steps } = reduced;
  attempt.emit({ type: 'image.reduced', width, height, steps });
  await model.clearCache?.();
  if (attempt.aborted) throw attempt.reason;
  return { ...asSafeImage(await model.generate(reduced, options), reduced), warning: reducedWarning };
}

/** @throws InvalidResponseError */
function asSafeImage(image: ImageResult, { width, height, steps }: ImageRequest): SafeImage {
  const type = imageType(image);
  if (type === undefined) throw new InvalidResponseError('The model sent something that is no picture');
  const kind = type === 'image/png' ? {} : { media_type: type };
  return { image: base64Of(image), width, height, steps, success: true, ...kind };
}

/** What the failure means, without the prompt: a model service may repeat it in what it says (D69). */
function imageFailure(error: unknown, { prompt, negativePrompt, width, height, steps }: ImageRequest): ModelError {
  if (!ModelError.isInstance(error) && modelFailure(error).errorType === 'generation_failed') {
    const details = { parameters: { width, height, steps } };
    return new GenerationFailedError('Image generation failed', { details, cause: error });
  }
  const failure = modelFailure(error);
  for (const secret of [prompt, negativePrompt]) {
    if (secret === undefined || secret.trim().length < shortestSecret) continue;
    for (const form of [secret, secret.trim(), JSON.stringify(secret).slice(1, -1)])
      failure.message = failure.message.replaceAll(form, '[prompt]');
  }
  return failure;
}

/** Shorter texts say nothing, and stand in every sentence. */
const shortestSecret = 3;
