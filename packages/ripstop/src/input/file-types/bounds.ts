/** Bombs, refused by what their headers declare: small files that unfold to more than a process can hold. */
import { InvalidInputError } from '../../errors/input-errors.js';
import { fault } from './file-bytes.js';
import type { FileFacts, FileLimits } from './file-format.js';

/** How much an upload may unfold to. */
export interface UnfoldingLimits extends FileLimits {
  /** Pixels of one picture. Default: 50 000 000, which takes 200 MB decoded. */
  readonly maxPixels: number;
  /** Pixels of its longer side. Default: 16 384. */
  readonly maxSide: number;
  /** What a ZIP declares for all its files, unpacked, in bytes. Default: 104 857 600 (100 MiB). */
  readonly maxUnpackedBytes: number;
  /** Declared bytes per packed byte of a ZIP, looked at from 1 MiB unpacked on. Default: 100. */
  readonly maxUnpackRatio: number;
}

/** Below this no ratio does harm, and an empty log has any. */
const harmlessBytes = 1024 * 1024;

/** @throws InvalidInputError 413 */
export function assertBounded(facts: FileFacts, limits: UnfoldingLimits): void {
  const { width, height, frames = 1, entries = 0, unpackedBytes = 0, packedBytes = 0 } = facts;
  if (width !== undefined && height !== undefined) {
    if (width < 1 || height < 1) throw fault('the picture has no size');
    const { maxPixels, maxSide } = limits;
    if (Math.max(width, height) > maxSide || width * height > maxPixels) {
      throw bomb('too_many_pixels', 'Image too large', { max_pixels: maxPixels, max_side: maxSide, width, height });
    }
  }
  if (frames > limits.maxFrames) throw bomb('too_many_frames', 'Too many frames', { max_frames: limits.maxFrames });
  if (entries > limits.maxEntries) {
    throw bomb('too_many_entries', 'Too many files in the archive', { max_entries: limits.maxEntries });
  }
  const ratio = unpackedBytes > harmlessBytes ? unpackedBytes / packedBytes : 0;
  if (unpackedBytes > limits.maxUnpackedBytes || ratio > limits.maxUnpackRatio) {
    throw bomb('unpacks_too_large', 'The archive unpacks to too much', {
      limit_bytes: limits.maxUnpackedBytes,
      max_ratio: limits.maxUnpackRatio,
    });
  }
}

function bomb(reason: string, message: string, details: Readonly<Record<string, number>>): InvalidInputError {
  return new InvalidInputError(message, { status: 413, details: { reason, ...details } });
}
