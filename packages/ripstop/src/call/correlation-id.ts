import type { Runtime } from './runtime.js';

const maxLength = 128;
/** The length is asked apart: a bounded repetition takes the engine four times as long. */
const allowed = /^[\w.-]+$/;

/** May an id that came from outside be echoed, logged and forwarded? (D60) */
export function isCorrelationId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxLength && allowed.test(value);
}

const bits24 = 2 ** 24;

/** Every number of 12 bits in hexadecimal: to write them anew takes the engine most of an id's time. */
const digits = Array.from({ length: 0x1000 }, (_, number) => (0x1000 + number).toString(16).slice(1));

/** The time part of the latest id: many are made within one millisecond. */
let latestMs = Number.NaN;
let latestTime = '';

/** A UUIDv7 (RFC 9562 §5.7): 48 bits of wall-clock milliseconds, then chance, so that ids sort by time. */
export function newCorrelationId({ clock, random }: Runtime): string {
  const ms = clock.date().getTime();
  if (ms !== latestMs) {
    const time = sixDigits((ms / bits24) % bits24) + sixDigits(ms % bits24);
    latestTime = `${time.slice(0, 8)}-${time.slice(8)}-7`;
    latestMs = ms;
  }
  const short = random() * 2 ** 26;
  const low = threeDigits(short);
  const variant = '89ab'[short >>> 24] + threeDigits(short >>> 12);
  return `${latestTime}${low}-${variant}-${sixDigits(random() * bits24)}${sixDigits(random() * bits24)}`;
}

/** The lowest of the whole part. */
function threeDigits(number: number): string {
  return digits[number & 0xfff] as string;
}

function sixDigits(number: number): string {
  return threeDigits(number >>> 12) + threeDigits(number);
}
