/** A row of the tables of sentences, and what its patterns are made of. */
import type { Verdict } from './verdict.js';

/** Where a row holds. `none`: a text without a status, or in a success; `limit`: a 429 or 498. */
export type Side = 'none' | 'request' | 'limit' | 'server';

/** One thing that a sentence can say. */
export interface Row extends Verdict {
  readonly on: readonly Side[];
  /** Words without one of which the row cannot speak: asked first, since `says` may be long. A test holds them together. */
  readonly about?: RegExp;
  readonly says: RegExp;
  /** Words that show that the row does not mean this. */
  readonly unless?: RegExp;
  /** The only statuses on which the row holds, where the side is too wide. */
  readonly statuses?: readonly number[];
}

/** Sides, as rows name them. */
export const anywhere: readonly Side[] = ['none', 'request', 'limit', 'server'];
export const notLimits: readonly Side[] = ['none', 'request', 'server'];
export const requests: readonly Side[] = ['none', 'request'];
export const servers: readonly Side[] = ['none', 'server'];

/** One pattern per line, any of which may match. Lines must be linear: bounded gaps, no repetition inside another. */
export function family(lines: string): RegExp {
  return new RegExp(
    lines
      .trim()
      .split(/\s*\n\s*/)
      .join('|'),
  );
}
