/**
 * Checks of an upload: is it small enough, of an allowed type, whole, what it is said to be, and nothing besides?
 *
 * The type is read off the content, never believed. Nothing is decoded or unpacked: pictures and archives are bounded
 * by what their headers declare, so whoever decodes them should set the same limits there. Time is linear in the size,
 * and memory a few times `maxBytes`.
 *
 * Left out on purpose: virus signatures, the content of archives and of compressed PDF objects, the structure of sound
 * and film beyond their headers, formulas in CSV.
 */
import { assertCount, assertOneOf, assertPositive, badOption, withDefaults } from '../call/options.js';
import { InvalidInputError } from '../errors/input-errors.js';
import { assertAgreed, readClaims } from './file-types/claims.js';
import { assertBounded, type UnfoldingLimits } from './file-types/bounds.js';
import { detectType } from './file-types/detect.js';
import { FileBytes } from './file-types/file-bytes.js';
import type { FileFacts, FileType } from './file-types/file-format.js';
import { binaryFormat, type DetectedType, extensionOf, fileTypes } from './file-types/formats.js';
import { assertNoPdf, assertOneThing, type UnsafeContent, unsafeContents } from './file-types/polyglot.js';
import { type FileUploadSource, readUpload } from './read-upload.js';

export type { FileType, FileUploadSource, UnsafeContent };

/** What an upload may be. */
export interface FileUploadOptions extends Partial<UnfoldingLimits> {
  /** Only these. There is no default: what a service cannot use, it should not accept. */
  readonly allowedTypes: readonly FileType[];
  /** The largest upload, in bytes; enforced while reading. Default: 10 485 760 (10 MiB). */
  readonly maxBytes?: number;
  /** The media type that the sender declared. Default: that of a `File` or `Blob`. Must agree with the content. */
  readonly declaredType?: string | null | undefined;
  /** The name that the sender gave it; only its extension is looked at. Default: that of a `File`. */
  readonly fileName?: string | null | undefined;
  /** The announced size, in bytes (`Content-Length`): too much is refused before anything is read. */
  readonly contentLength?: number | undefined;
  /**
   * What is let through although it may do harm to whoever opens it. Default: nothing.
   *
   * `svg`, `html`: files of these types. `markup`: HTML or a script inside a file that is no text. `trailing_data`:
   * bytes behind the end of the format. `polyglot`: a ZIP or PDF inside another file. `pdf_actions`: PDFs that run a
   * script or a program.
   */
  readonly allowUnsafe?: readonly UnsafeContent[];
  /** Ends the reading; its reason is thrown. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

/** What is not said is this. */
export const fileUploadDefaults: Required<UnfoldingLimits & Pick<FileUploadOptions, 'maxBytes' | 'allowUnsafe'>> = {
  maxBytes: 10 * 1024 * 1024,
  allowUnsafe: [],
  maxPixels: 50_000_000,
  maxSide: 16_384,
  maxFrames: 1_000,
  maxEntries: 10_000,
  maxUnpackedBytes: 100 * 1024 * 1024,
  maxUnpackRatio: 100,
};

/** An upload that has passed. */
export interface FileUpload {
  /** By its content. `image/svg+xml` and `text/html` only where `allowUnsafe` names them. */
  readonly type: FileType | 'image/svg+xml' | 'text/html';
  /** The usual one for the type, without the dot: store the file under a name of your own with this extension. */
  readonly extension: string;
  /** In bytes. */
  readonly size: number;
  /** The upload itself. Bytes that came as `Uint8Array` are not copied. */
  readonly bytes: Uint8Array;
  /** In pixels, for images: the largest picture inside. */
  readonly width?: number;
  /** In pixels, for images. */
  readonly height?: number;
  /** Frames of an animation or pages of a TIFF, where they are counted. */
  readonly frames?: number;
  /** Files inside, for ZIPs. */
  readonly entries?: number;
  /** Bytes that a ZIP declares for all its files, unpacked. */
  readonly unpackedBytes?: number;
}

/**
 * Reads an upload and checks it: size, emptiness, type, name, structure, dimensions.
 *
 * @throws InvalidInputError 413 too large, packed or unpacked; 415 of a type that is not allowed, or not of the one
 * declared; 400 empty, damaged, or more than one file at once. `details.reason` tells them apart.
 * @throws RangeError for an option, or a source, that is not valid.
 */
export async function validateFileUpload(source: FileUploadSource, options: FileUploadOptions): Promise<FileUpload> {
  const settings: Settings = withDefaults({ ...fileUploadDefaults, allowedTypes: options.allowedTypes }, options);
  assertOptions(settings);
  const bytes = await readUpload(source, settings);
  if (bytes.length === 0) throw new InvalidInputError('File is empty', { details: { reason: 'empty' } });

  const file = new FileBytes(bytes);
  const claims = readClaims(
    settings.declaredType ?? stringIn(source, 'type'),
    settings.fileName ?? stringIn(source, 'name'),
  );
  const type = detectType(file, claims, settings.allowedTypes);
  if (!isAllowed(type, settings)) throw notAllowed(type, settings);
  assertAgreed(claims, type);
  const facts = inspect(file, settings);
  return { type, extension: extensionOf(type), size: bytes.length, bytes, ...publicFacts(facts) };
}

type Settings = FileUploadOptions & typeof fileUploadDefaults;

function assertOptions(settings: Settings): void {
  const { allowedTypes, allowUnsafe } = settings;
  if (!Array.isArray(allowedTypes) || allowedTypes.length + allowUnsafe.length === 0) {
    throw badOption('allowedTypes', 'must name at least one type', allowedTypes);
  }
  for (const type of allowedTypes) assertOneOf('allowedTypes', type, fileTypes);
  for (const unsafe of allowUnsafe) assertOneOf('allowUnsafe', unsafe, unsafeContents);
  for (const name of ['maxBytes', 'maxPixels', 'maxSide', 'maxFrames', 'maxEntries', 'maxUnpackedBytes'] as const) {
    assertCount(name, settings[name]);
  }
  assertPositive('maxUnpackRatio', settings.maxUnpackRatio);
}

/** The type and name of a `File`, which others do not have. */
function stringIn(source: FileUploadSource, key: 'type' | 'name'): string | undefined {
  if (source === null || !('stream' in source) || !(key in source)) return undefined;
  return String(Reflect.get(source, key));
}

function isAllowed(type: DetectedType | undefined, settings: Settings): type is FileUpload['type'] {
  if (type === 'image/svg+xml') return settings.allowUnsafe.includes('svg');
  if (type === 'text/html') return settings.allowUnsafe.includes('html');
  return settings.allowedTypes.some((allowed) => allowed === type);
}

function notAllowed(type: DetectedType | undefined, { allowedTypes }: Settings): InvalidInputError {
  const isActive = type === 'image/svg+xml' || type === 'text/html';
  return new InvalidInputError(`File type not allowed. Allowed types: ${allowedTypes.join(', ')}`, {
    status: 415,
    details: {
      reason: isActive ? 'active_content' : 'type_not_allowed',
      allowed_types: [...allowedTypes],
      detected_type: type ?? null,
    },
  });
}

function inspect(file: FileBytes, settings: Settings): FileFacts {
  const format = binaryFormat(file);
  if (format !== undefined) {
    const facts = format.inspect(file, settings);
    assertBounded(facts, settings);
    assertOneThing(file, format, facts, settings.allowUnsafe);
    return facts;
  }
  if (!settings.allowUnsafe.includes('polyglot')) assertNoPdf(file);
  return {};
}

function publicFacts({ width, height, frames, entries, unpackedBytes }: FileFacts): Partial<FileUpload> {
  return {
    ...(width === undefined || height === undefined ? {} : { width, height }),
    ...(frames === undefined ? {} : { frames }),
    ...(entries === undefined ? {} : { entries }),
    ...(unpackedBytes === undefined ? {} : { unpackedBytes }),
  };
}
