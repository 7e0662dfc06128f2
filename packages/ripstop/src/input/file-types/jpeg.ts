/** JPEG: ITU-T T.81, Annex B (markers and segments). */
import { fault, type FileBytes } from './file-bytes.js';
import type { FileFormat } from './file-format.js';

const endOfImage = 0xd9;
const startOfScan = 0xda;

/** Start of frame, of any coding: C0–CF without DHT (C4), JPG (C8) and DAC (CC). */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** Markers without a segment: TEM and restarts. */
function isBare(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
}

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly end: number;
}

export const jpeg: FileFormat = {
  type: 'image/jpeg',
  extensions: ['jpg', 'jpeg', 'jpe', 'jfif', 'pjpeg'],
  aliases: ['image/jpg', 'image/pjpeg', 'image/x-jpeg'],
  matches: (file) => file.is('\xff\xd8\xff'),
  /** Cameras put further whole pictures behind the first (CIPA DC-007: previews, gain maps); these are no trailing data. */
  inspect(file, { maxFrames }) {
    let { width, height, end } = readPicture(file, 0);
    let frames = 1;
    for (let next = file.skipPadding(end); frames < maxFrames && file.is('\xff\xd8\xff', next); frames += 1) {
      const picture = readPicture(file, next);
      width = Math.max(width, picture.width);
      height = Math.max(height, picture.height);
      end = picture.end;
      next = file.skipPadding(end);
    }
    return { width, height, frames, end };
  },
};

function readPicture(file: FileBytes, start: number): Picture {
  let size: Omit<Picture, 'end'> | undefined;
  let scanned = false;
  for (let at = start + 2; ; ) {
    const { marker, end } = readMarker(file, at);
    at = end;
    if (isBare(marker)) continue;
    if (marker === endOfImage) {
      if (size === undefined || !scanned) throw fault('the JPEG has no picture');
      return { ...size, end };
    }
    const length = file.u16be(end);
    if (length < 2) throw fault('a segment of the JPEG has no valid length');
    file.need(end, length);
    if (isFrame(marker)) {
      if (size !== undefined) throw fault('the JPEG has two frame headers');
      size = readFrame(file, end, length);
    }
    at = end + length;
    if (marker === startOfScan) {
      if (size === undefined) throw fault('the JPEG has a scan before its frame header');
      scanned = true;
      at = skipScan(file, at);
    }
  }
}

/** A marker, after any number of fill bytes (B.1.1.2). */
function readMarker(file: FileBytes, start: number): { marker: number; end: number } {
  if (file.u8(start) !== 0xff) throw fault('the JPEG has no marker where one must stand');
  let at = start + 1;
  while (file.u8(at) === 0xff) at += 1;
  const marker = file.u8(at);
  if (marker === 0x00 || marker === 0xd8) throw fault('the JPEG has no marker where one must stand');
  return { marker, end: at + 1 };
}

function readFrame(file: FileBytes, at: number, length: number): Omit<Picture, 'end'> {
  const components = file.u8(at + 7);
  if (components < 1 || length !== 8 + 3 * components) throw fault('the frame header of the JPEG is not valid');
  return { height: file.u16be(at + 3), width: file.u16be(at + 5) };
}

/** To the first marker behind entropy-coded data: FF followed by neither a stuffed zero nor a restart. */
function skipScan(file: FileBytes, start: number): number {
  for (let at = file.bytes.indexOf(0xff, start); at >= 0; at = file.bytes.indexOf(0xff, at + 1)) {
    const next = file.u8(at + 1);
    if (next !== 0x00 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  throw fault('the JPEG has no end');
}
