/** Files made of boxes, ISO/IEC 14496-12: MP4 (14496-14), HEIC (23008-12) and AVIF (AV1 Image File Format §3, §8). */
import { fault, type FileBytes } from './file-bytes.js';
import type { FileFacts, FileFormat, FileType } from './file-format.js';

interface Box {
  readonly name: string;
  /** Where its content begins, and where the box ends. */
  readonly body: number;
  readonly end: number;
}

type BoxType = 'image/avif' | 'image/heic' | 'video/mp4';

const brands: ReadonlyMap<string, BoxType> = new Map<string, BoxType>([
  ...named('image/avif', 'avif avis'),
  ...named('image/heic', 'heic heix heim heis hevc hevx hevm hevs'),
  ...named('video/mp4', 'isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 mp41 mp42 mp71 avc1 dash MSNV F4V '),
  ...named('video/mp4', 'M4A M4B M4V M4VH M4VP'),
]);
/** Major brands that say only "some picture"; the compatible ones say which. */
const generic: ReadonlySet<string> = new Set(['mif1', 'msf1', 'miaf']);
/** A brand list is short; more is not read. */
const maxBrands = 64;

export const avif: FileFormat = {
  type: 'image/avif',
  extensions: ['avif', 'avifs'],
  aliases: ['image/avif-sequence'],
  matches: (file) => typeByBrand(file) === 'image/avif',
  inspect: inspectPicture,
};

export const heic: FileFormat = {
  type: 'image/heic',
  extensions: ['heic', 'heif', 'heics', 'heifs', 'hif'],
  aliases: ['image/heif', 'image/heic-sequence', 'image/heif-sequence'],
  matches: (file) => typeByBrand(file) === 'image/heic',
  inspect: inspectPicture,
};

export const mp4: FileFormat = {
  type: 'video/mp4',
  extensions: ['mp4', 'm4v', 'm4a', 'm4b', 'mpg4'],
  aliases: ['audio/mp4', 'audio/x-m4a', 'video/x-m4v', 'application/mp4'],
  matches: (file) => typeByBrand(file) === 'video/mp4',
  inspect(file) {
    const names = new Set<string>();
    for (const { name } of boxes(file, 0, file.size)) names.add(name);
    if (!names.has('moov')) throw fault('the MP4 has no index');
    return { end: file.size };
  },
};

function named(type: BoxType, list: string): [string, BoxType][] {
  return list.split(' ').map((brand) => [brand.padEnd(4), type]);
}

function typeByBrand(file: FileBytes): FileType | undefined {
  if (file.size < 16 || !file.is('ftyp', 4)) return undefined;
  const major = file.text(8, 4);
  if (!generic.has(major)) return brands.get(major);
  const end = Math.min(file.u32be(0), file.size, 16 + 4 * maxBrands);
  for (let at = 16; at + 4 <= end; at += 4) {
    const type = brands.get(file.text(at, 4));
    if (type === 'image/avif' || type === 'image/heic') return type;
  }
  return undefined;
}

/** The size of a picture stands in its `ispe` property: meta → iprp → ipco → ispe. The largest counts. */
function inspectPicture(file: FileBytes): FileFacts {
  let [width, height] = [0, 0];
  let hasData = false;
  for (const box of boxes(file, 0, file.size)) {
    if (box.name === 'mdat') hasData = true;
    if (box.name !== 'meta') continue;
    // `meta` is a full box: a version and flags stand before its content.
    for (const part of boxes(file, box.body + 4, box.end)) {
      if (part.name === 'idat') hasData = true;
      if (part.name !== 'iprp') continue;
      for (const property of within(file, within(file, [part], 'ipco'), 'ispe')) {
        width = Math.max(width, file.u32be(property.body + 4));
        height = Math.max(height, file.u32be(property.body + 8));
      }
    }
  }
  if (!hasData || width === 0) throw fault('the file has no picture');
  return { width, height, end: file.size };
}

function* within(file: FileBytes, outer: Iterable<Box>, name: string): Generator<Box> {
  for (const { body, end } of outer) {
    for (const box of boxes(file, body, end)) if (box.name === name) yield box;
  }
}

/** The boxes from `start` to exactly `end`. Size 1 means a 64-bit size behind the name, size 0 "to the end". */
function* boxes(file: FileBytes, start: number, end: number): Generator<Box> {
  for (let at = start; at < end; ) {
    const stated = file.u32be(at);
    const name = file.text(at + 4, 4);
    const body = at + (stated === 1 ? 16 : 8);
    const size = stated === 1 ? file.u64be(at + 8) : stated === 0 ? end - at : stated;
    if (size < body - at || at + size > end) throw fault('a box does not fit into what holds it');
    yield { name, body, end: at + size };
    at += size;
  }
}
