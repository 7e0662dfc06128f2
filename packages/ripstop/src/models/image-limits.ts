/** How large a picture may be, how long it may take, and how it is asked for again when memory ran out. */
import { assertCount, assertNotNegative, badOption, withDefaults } from '../call/options.js';
import { InvalidInputError } from '../errors/input-errors.js';
import type { ImageRequest } from './image-model.js';

/** Bounds on what may be asked of an image model. */
export interface ImageLimits {
  /** The shortest side, in pixels. Default: 128. */
  readonly minSide?: number | undefined;
  /** The longest side, in pixels. Default: 2 048. */
  readonly maxSide?: number | undefined;
  /** The area, in pixels. Default: 1 048 576, which is 1024 × 1024. */
  readonly maxPixels?: number | undefined;
  /** What both sides must be a multiple of. Default: 1; many models need 8. */
  readonly multipleOf?: number | undefined;
  /** Default: 1. */
  readonly minSteps?: number | undefined;
  /** Default: 50. */
  readonly maxSteps?: number | undefined;
  /** Default: 1. Distilled models are run with 0. */
  readonly minGuidance?: number | undefined;
  /** Default: 20. */
  readonly maxGuidance?: number | undefined;
}

/** The defaults: the area is the guide's (R106), the rest that of the platform's own image template (D76). */
export const imageLimitDefaults: { readonly [K in keyof ImageLimits]-?: number } = {
  minSide: 128,
  maxSide: 2_048,
  maxPixels: 1_024 * 1_024,
  multipleOf: 1,
  minSteps: 1,
  maxSteps: 50,
  minGuidance: 1,
  maxGuidance: 20,
};

type Limits = typeof imageLimitDefaults;

/** @throws RangeError for limits that nothing could keep. */
export function limitsOf(options: ImageLimits = {}): Limits {
  const limits = withDefaults<ImageLimits, Limits>(imageLimitDefaults, options);
  for (const name of ['minSide', 'maxSide', 'maxPixels', 'multipleOf', 'minSteps', 'maxSteps'] as const)
    assertCount(`limits.${name}`, limits[name]);
  assertNotNegative('limits.minGuidance', limits.minGuidance);
  for (const what of ['Side', 'Steps', 'Guidance'] as const) {
    const [least, most] = [limits[`min${what}`], limits[`max${what}`]];
    if (!(most >= least)) throw badOption(`limits.max${what}`, `must be at least limits.min${what}`, most);
  }
  return limits;
}

/** @throws InvalidInputError for what is out of bounds. */
export function assertRequest({ width, height, steps, guidanceScale }: ImageRequest, limits: Limits): void {
  const { minSide, maxSide, maxPixels, multipleOf } = limits;
  assertWithin('width', width, { least: minSide, most: maxSide, multipleOf });
  assertWithin('height', height, { least: minSide, most: maxSide, multipleOf });
  if (width * height > maxPixels) {
    throw new InvalidInputError('Image resolution too high', {
      details: { max_resolution: resolutionOf(maxPixels), requested: `${width}x${height}` },
    });
  }
  assertWithin('num_inference_steps', steps, { least: limits.minSteps, most: limits.maxSteps, multipleOf: 1 });
  assertWithin('guidance_scale', guidanceScale, { least: limits.minGuidance, most: limits.maxGuidance });
}

interface Bounds {
  readonly least: number;
  readonly most: number;
  /** Left out: it need not be a whole number. */
  readonly multipleOf?: number;
}

function assertWithin(parameter: string, value: number, { least, most, multipleOf }: Bounds): void {
  const kept =
    typeof value === 'number' &&
    value >= least &&
    value <= most &&
    (multipleOf === undefined || Number.isInteger(value / multipleOf));
  if (kept) return;
  const multiple =
    multipleOf === undefined ? '' : multipleOf === 1 ? ' and a whole number' : ` and a multiple of ${multipleOf}`;
  throw new InvalidInputError(`${parameter} must be from ${least} to ${most}${multiple}`, {
    details: { parameter, min: least, max: most, ...(multipleOf === undefined ? {} : { multiple_of: multipleOf }) },
  });
}

function resolutionOf(pixels: number): string {
  const side = Math.sqrt(pixels);
  return Number.isInteger(side) ? `${side}x${side}` : `${pixels} pixels`;
}

/** The guide's size for the second try (R110). */
const reducedSide = 512;
/** Latent diffusion works in blocks of 8 × 8 pixels. */
const block = 8;
const fewSteps = 10;

/**
 * The same picture, smaller: both sides scaled alike so that the longer has at most 512 pixels, and half the steps, but
 * not below 10. Nothing grows, and all else stays (D75).
 */
export function reducedRequest(request: ImageRequest, { minSide, multipleOf }: Limits): ImageRequest {
  const { width, height, steps } = request;
  const scale = Math.min(1, Math.max(reducedSide / Math.max(width, height), minSide / Math.min(width, height)));
  const shared = [block, block / 2, block / 4].find((factor) => multipleOf % factor === 0) ?? 1;
  const unit = (multipleOf * block) / shared;
  const side = (length: number): number => {
    if (scale === 1) return length;
    const whole = Math.floor(Math.round(length * scale) / unit) * unit;
    return Math.min(length, Math.max(whole, Math.ceil(minSide / unit) * unit));
  };
  return {
    ...request,
    width: side(width),
    height: side(height),
    steps: Math.min(steps, Math.max(fewSteps, Math.floor(steps / 2))),
  };
}
