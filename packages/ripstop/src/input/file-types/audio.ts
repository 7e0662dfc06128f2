/** Sound by its first bytes: WAV, MP3, Ogg, FLAC. Only what tells them apart is checked, not their structure. */
import type { FileBytes } from './file-bytes.js';
import type { FileFormat } from './file-format.js';

/** RIFF with a `WAVE` form: Microsoft, "Multimedia Programming Interface and Data Specifications 1.0" (1991). */
export const wav: FileFormat = {
  type: 'audio/wav',
  extensions: ['wav', 'wave'],
  aliases: ['audio/x-wav', 'audio/wave', 'audio/vnd.wave', 'audio/x-pn-wav'],
  matches: (file) => file.is('RIFF') && file.is('WAVE', 8),
  inspect: () => ({}),
};

/** MPEG audio layer III: ISO/IEC 11172-3 §2.4.1 and 13818-3; ID3: https://id3.org/id3v2.4.0-structure §3.1. */
export const mp3: FileFormat = {
  type: 'audio/mpeg',
  extensions: ['mp3', 'mpga'],
  aliases: ['audio/mp3', 'audio/x-mp3', 'audio/mpeg3', 'audio/x-mpeg'],
  matches(file) {
    const start = skipTag(file);
    const length = start === undefined ? undefined : frameLength(file, start);
    if (start === undefined || length === undefined) return false;
    // Eleven set bits are a weak sign, so a second frame must follow, or the end.
    return start + length >= file.size || frameLength(file, start + length) !== undefined;
  },
  inspect: () => ({}),
};

/** RFC 3533 §6, with the first packet of Opus (RFC 7845), Vorbis, FLAC or Speex. */
export const ogg: FileFormat = {
  type: 'audio/ogg',
  extensions: ['ogg', 'oga', 'opus', 'spx'],
  aliases: ['application/ogg', 'audio/opus', 'audio/vorbis', 'audio/x-ogg'],
  matches(file) {
    if (!file.is('OggS\0') || file.size < 28) return false;
    const packet = 27 + file.u8(26);
    return ['OpusHead', '\x01vorbis', '\x7fFLAC', 'Speex   '].some((codec) => file.is(codec, packet));
  },
  inspect: () => ({}),
};

/** RFC 9639 §8: the stream's own description comes first, and has 34 bytes. */
export const flac: FileFormat = {
  type: 'audio/flac',
  extensions: ['flac'],
  aliases: ['audio/x-flac'],
  matches: (file) => file.is('fLaC\0\0\0\x22', 0) || file.is('fLaC\x80\0\0\x22', 0),
  inspect: () => ({}),
};

/** Where the sound begins: behind an ID3 tag and its padding. */
function skipTag(file: FileBytes): number | undefined {
  if (!file.is('ID3')) return 0;
  if (file.size < 10) return undefined;
  let length = 0;
  for (let at = 6; at < 10; at += 1) {
    if (file.u8(at) > 0x7f) return undefined;
    length = length * 128 + file.u8(at);
  }
  const footer = file.u8(5) & 0x10 ? 10 : 0;
  return file.skipPadding(10 + length + footer);
}

/** kbit/s of layer III, by index: MPEG 1, then MPEG 2 and 2.5. */
const bitRates = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
] as const;
const sampleRates = [44_100, 48_000, 32_000] as const;

/** Bytes of the layer III frame at `at`, if there is one. */
function frameLength(file: FileBytes, at: number): number | undefined {
  if (at + 4 > file.size) return undefined;
  const bits = file.u32be(at);
  const version = (bits >>> 19) & 3;
  const isLayer3 = ((bits >>> 17) & 3) === 1;
  if (bits >>> 21 !== 0x7ff || version === 1 || !isLayer3) return undefined;
  const isFirst = version === 3;
  const kilobits = bitRates[isFirst ? 0 : 1][(bits >>> 12) & 15] ?? 0;
  const rate = sampleRates[(bits >>> 10) & 3];
  if (kilobits === 0 || rate === undefined) return undefined;
  const samplesPerSecond = rate / (isFirst ? 1 : version === 2 ? 2 : 4);
  return Math.floor(((isFirst ? 144_000 : 72_000) * kilobits) / samplesPerSecond) + ((bits >>> 9) & 1);
}
