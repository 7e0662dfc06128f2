import type { Runtime } from './runtime.js';

const allowed = /^[A-Za-z0-9._-]{1,128}$/;

/** May an id that came from outside be echoed, logged and forwarded? (D60) */
export function isCorrelationId(value: unknown): value is string {
  return typeof value === 'string' && allowed.test(value);
}

/** A UUIDv7 (RFC 9562 §5.7): 48 bits of wall-clock milliseconds, then chance, so that ids sort by time. */
export function newCorrelationId({ clock, random }: Runtime): string {
  const time = clock.date().getTime().toString(16).padStart(12, '0').slice(-12);
  const chance = (bits: number): string => {
    return Math.floor(random() * 2 ** bits)
      .toString(16)
      .padStart(bits / 4, '0');
  };
  const variant = (8 + Math.floor(random() * 4)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${chance(12)}-${variant}${chance(12)}-${chance(24)}${chance(24)}`;
}
