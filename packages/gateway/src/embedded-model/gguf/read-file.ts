import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type GgufHeader, parseGguf } from './gguf.js';
import { unusableFile } from './unusable-file.js';

export interface GgufFile {
  readonly header: GgufHeader;
  /** The start of the file: all of it where it is no longer than the `maxBytes` asked for. */
  readonly bytes: Buffer;
  readonly size: number;
}

/**
 * Opens a GGUF file and checks its header. Blocks, which is fine in the engine's own process.
 *
 * @throws ModelLoadingError (not retryable) where the file is missing, unreadable or damaged.
 */
export function readGguf(path: string, maxBytes: number): GgufFile {
  const { bytes, size } = readStart(path, maxBytes);
  return { header: parseGguf(bytes, size), bytes, size };
}

function readStart(path: string, maxBytes: number): { bytes: Buffer; size: number } {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const { size } = fstatSync(descriptor);
    const bytes = Buffer.allocUnsafeSlow(Math.min(size, maxBytes));
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(descriptor, bytes, filled, bytes.length - filled, filled);
      if (count === 0) break; // it shrank while we read it
      filled += count;
    }
    return { bytes: bytes.subarray(0, filled), size };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw unusableFile(code === 'ENOENT' ? 'there is none at this path' : `it cannot be read (${code ?? 'unknown'})`, {
      code: code ?? null,
    });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
