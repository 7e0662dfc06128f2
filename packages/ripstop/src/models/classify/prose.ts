/**
 * What sentences say. Each row is a family of words, not a sentence of one provider; the first row that speaks wins.
 *
 * The text is that of `evidence.ts`: lower case, without URLs, quotes and backticks, `_` turned to blanks, so that codes
 * nobody has listed yet can be read as words.
 */
import { access, content, context, models } from './prose-requests.js';
import type { Row, Side } from './prose-row.js';
import { capacity, failures, limits, memory, money, timeouts } from './prose-services.js';
import type { Verdict } from './verdict.js';

/** In the order in which they are asked. */
export const rows: readonly Row[] = [
  ...memory,
  ...context,
  ...content,
  ...money,
  ...capacity,
  ...timeouts,
  ...limits,
  ...models,
  ...access,
  ...failures,
];

/** A row with every field, so that all have one shape: they are read on the way of every failure. */
interface FullRow extends Verdict {
  readonly about: RegExp | undefined;
  readonly says: RegExp;
  readonly unless: RegExp | undefined;
  readonly statuses: readonly number[] | undefined;
}

const rowsBySide: Readonly<Record<Side, readonly FullRow[]>> = {
  none: rowsOn('none'),
  request: rowsOn('request'),
  limit: rowsOn('limit'),
  server: rowsOn('server'),
};

function rowsOn(side: Side): readonly FullRow[] {
  return rows
    .filter(({ on }) => on.includes(side))
    .map(({ type, retryable, about, says, unless, statuses }) => ({ type, retryable, about, says, unless, statuses }));
}

/** The side on which an answer stands. */
function sideOf(status: number | undefined): Side {
  if (status === undefined || status < 400) return 'none';
  if (status === 429 || status === 498) return 'limit';
  return status < 500 && status !== 408 && status !== 424 ? 'request' : 'server';
}

/** The cause that a sentence names, on an answer with this status. */
export function proseVerdict(text: string, status: number | undefined): Verdict | undefined {
  if (text === '') return undefined;
  return rowsBySide[sideOf(status)].find((row) => holdsOn(row, status) && speaks(row, text));
}

function speaks({ about, says, unless }: FullRow, text: string): boolean {
  return about?.test(text) !== false && says.test(text) && unless?.test(text) !== true;
}

function holdsOn({ statuses }: FullRow, status: number | undefined): boolean {
  return statuses === undefined || status === undefined || status < 400 || statuses.includes(status);
}

/** This one request is larger than the limit ever allows. */
export function isTooLarge(text: string): boolean {
  return /too large|must be reduced/.test(text);
}

/** The limit is full again only tomorrow. */
export function isDaily(text: string): boolean {
  return /per[- ]day|\bdaily\b|tomorrow|\btoday\b/.test(text);
}
