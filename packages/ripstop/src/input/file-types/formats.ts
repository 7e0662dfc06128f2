/** The table of all types: how each is known, and under which names it is sent. */
import { flac, mp3, ogg, wav } from './audio.js';
import { bmp } from './bmp.js';
import type { FileBytes } from './file-bytes.js';
import type { FileFormat, FileType } from './file-format.js';
import { gif } from './gif.js';
import { avif, heic, mp4 } from './iso-media.js';
import { jpeg } from './jpeg.js';
import type { MarkupType } from './markup.js';
import { pdf } from './pdf.js';
import { png } from './png.js';
import { tiff } from './tiff.js';
import { webm } from './webm.js';
import { webp } from './webp.js';
import { zip } from './zip.js';

/** Everything that a file can turn out to be. */
export type DetectedType = FileType | MarkupType;

/** In this order: the strongest signatures first. */
const binary: readonly FileFormat[] = [
  jpeg,
  png,
  gif,
  webp,
  avif,
  heic,
  tiff,
  pdf,
  zip,
  flac,
  ogg,
  wav,
  mp4,
  webm,
  bmp,
  mp3,
];

/** Names of a type. */
export interface TypeNames {
  readonly type: DetectedType;
  readonly extensions: readonly string[];
  readonly aliases: readonly string[];
}

const csvAliases = [
  'application/csv',
  'text/x-csv',
  'text/comma-separated-values',
  'text/tab-separated-values',
  // What browsers on Windows say, since that is what opens a CSV there.
  'application/vnd.ms-excel',
];

const texts: readonly TypeNames[] = [
  { type: 'application/json', extensions: ['json'], aliases: ['text/json', 'application/x-json'] },
  { type: 'text/csv', extensions: ['csv', 'tsv'], aliases: csvAliases },
  {
    type: 'text/plain',
    extensions: ['txt', 'text', 'log', 'md', 'markdown'],
    aliases: ['text/markdown', 'text/x-log'],
  },
];

const markup: readonly TypeNames[] = [
  { type: 'image/svg+xml', extensions: ['svg'], aliases: ['image/svg'] },
  { type: 'text/html', extensions: ['html', 'htm', 'xhtml'], aliases: ['application/xhtml+xml'] },
  { type: 'application/xml', extensions: ['xml'], aliases: ['text/xml'] },
];

const all: readonly TypeNames[] = [...binary, ...texts, ...markup];

/** All types that may stand in an allow-list. */
export const fileTypes: readonly FileType[] = [
  ...binary.map(({ type }) => type),
  'application/json',
  'text/csv',
  'text/plain',
];

/** The binary format by whose signature the file begins. */
export function binaryFormat(file: FileBytes): FileFormat | undefined {
  return binary.find((format) => format.matches(file));
}

/** The type that goes by this media type, without parameters and in lower case. */
export function typeOfMedia(name: string): DetectedType | undefined {
  return all.find(({ type, aliases }) => type === name || aliases.includes(name))?.type;
}

/** The type of files with this extension, without the dot and in lower case. */
export function typeOfExtension(extension: string): DetectedType | undefined {
  return all.find(({ extensions }) => extensions.includes(extension))?.type;
}

/** The usual extension of a type, without the dot. */
export function extensionOf(wanted: DetectedType): string {
  return all.find(({ type }) => type === wanted)?.extensions[0] ?? 'bin';
}
