/** What Ripstop asks of an image model, wherever it runs. */
import type { MemoryUse } from './memory-check.js';

/** One picture, as it is asked for. Checked before it gets here. */
export interface ImageRequest {
  readonly prompt: string;
  /** What should not be seen. */
  readonly negativePrompt?: string | undefined;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Steps of denoising. */
  readonly steps: number;
  /** How closely the prompt is followed. */
  readonly guidanceScale: number;
  readonly seed?: number | undefined;
}

/** What belongs to one call beside the picture. */
export interface ImageOptions {
  /** Aborts the work itself, not only the waiting for it. */
  readonly signal?: AbortSignal | undefined;
  /** Sent to an upstream, so that its logs and ours can be joined. */
  readonly correlationId?: string | undefined;
}

/** A picture: the bytes of a PNG, JPEG, WebP or GIF file, or the same in base64. */
export type ImageResult = Uint8Array | string;

/**
 * A model that paints. Only `generate` is required; it may answer a value or a promise. A model in our own process
 * paints off the event loop: in a worker, a child process or native code (D71).
 */
export interface ImageModel {
  generate(request: ImageRequest, options?: ImageOptions): ImageResult | PromiseLike<ImageResult>;
  /** What is in use and what there is, in bytes. Undefined where it cannot be told. */
  memory?(): MemoryUse | undefined | PromiseLike<MemoryUse | undefined>;
  /** Gives back what was kept for speed. Called when memory is short, and after it ran out. */
  clearCache?(): void | PromiseLike<void>;
}
