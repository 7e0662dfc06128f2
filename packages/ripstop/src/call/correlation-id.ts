import type { Runtime } from './runtime.js';

const maxLength = 128;
/** The length is asked apart: a bounded repetition takes the engine four times as long. */
const allowed = /^[\w.-]+$/;

/** May an id that came from outside be echoed, logged and forwarded? (D60) */
export function isCorrelationId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxLength && allowed.test(value);
}

const bits24 = 2 ** 24;

/** The time part of the latest id: many are made within one millisecond. */
let latestMs = Number.NaN;
let latestTime = '';

/** A UUIDv7 (RFC 9562 §5.7): 48 bits of wall-clock milliseconds, then chance, so that ids sort by time. */
export function newCorrelationId({ clock, random }: Runtime): string {
  const ms = clock.date().getTime();
  if (ms !== latestMs) {
    const time = sixDigits(Math.floor(ms / bits24) % bits24) + sixDigits(ms % bits24);
    latestTime = `${time.slice(0, 8)}-${time.slice(8)}-7`;
    latestMs = ms;
  }
  const short = Math.floor(random() * 2 ** 26);
  const low = (0x1000 + (short & 0xfff)).toString(16).slice(1);
  const variant = (0x8000 + (short >> 12)).toString(16);
  return `${latestTime}${low}-${variant}-${sixDigits(Math.floor(random() * bits24))}${sixDigits(Math.floor(random() * bits24))}`;
}

/** Hexadecimal. Of small whole numbers the engine writes it quickly, of 48 bits it does not. */
function sixDigits(number: number): string {
  return (bits24 + number).toString(16).slice(1);
}
