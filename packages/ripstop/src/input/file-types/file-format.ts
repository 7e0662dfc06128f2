/** What every format tells about itself. */
import type { FileBytes } from './file-bytes.js';

/** The types that `validateFileUpload()` knows by their content. */
export type FileType =
  | 'image/jpeg'
  | 'image/png'
  | 'image/gif'
  | 'image/webp'
  | 'image/avif'
  | 'image/heic'
  | 'image/bmp'
  | 'image/tiff'
  | 'application/pdf'
  | 'audio/wav'
  | 'audio/mpeg'
  | 'audio/ogg'
  | 'audio/flac'
  | 'video/mp4'
  | 'video/webm'
  | 'application/zip'
  | 'application/json'
  | 'text/csv'
  | 'text/plain';

/** How much a file may unfold to. Checked on what the file declares, since nothing is decoded here. */
export interface FileLimits {
  /** Frames of an animation, pages of a TIFF. Default: 1 000. */
  readonly maxFrames: number;
  /** Files in a ZIP. Default: 10 000. */
  readonly maxEntries: number;
}

/** What the structure of a file says. */
export interface FileFacts {
  /** In pixels; the largest picture inside. */
  readonly width?: number;
  readonly height?: number;
  /** Pictures inside: frames or pages. */
  readonly frames?: number;
  readonly entries?: number;
  /** The sum that a ZIP declares for its files, and their sum inside the ZIP. */
  readonly unpackedBytes?: number;
  readonly packedBytes?: number;
  /** Where the format ends. Absent where a format has no end of its own. */
  readonly end?: number;
}

/** One binary format: how it is known, and what its structure must be. */
export interface FileFormat {
  readonly type: FileType;
  /** Without the dot; the first is the usual one. */
  readonly extensions: readonly string[];
  /** Other media types under which it is sent. */
  readonly aliases: readonly string[];
  /** Is it this format? Never throws; looks at a bounded number of bytes. */
  matches(file: FileBytes): boolean;
  /**
   * Walks the structure, in time linear in the file.
   * @throws InvalidInputError 400 where it is broken.
   */
  inspect(file: FileBytes, limits: FileLimits): FileFacts;
}
