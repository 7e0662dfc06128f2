/** CSV: RFC 4180, with the separators of other countries. Fields begin quoted or not; a quote inside the latter is text. */
import type { FileBytes } from './file-bytes.js';
import { textStart } from './text.js';

const separators = [',', ';', '\t', '|'].map((separator) => separator.charCodeAt(0));
const [quote, newline, carriageReturn] = [0x22, 0x0a, 0x0d];

/** Is every quoted field closed, by the rules of some separator? Rows may differ in length, as those of real files do. */
export function isCsv(file: FileBytes): boolean {
  return separators.some((separator) => readShape(file, separator) !== undefined);
}

/** Would anybody call it CSV, untold? At least two rows, all of the same number of fields, at least two. */
export function looksLikeCsv(file: FileBytes): boolean {
  return separators.some((separator) => {
    const shape = readShape(file, separator);
    return shape !== undefined && shape.rows >= 2 && shape.least >= 2 && shape.least === shape.most;
  });
}

interface Shape {
  readonly rows: number;
  /** Fields of the shortest row, and of the longest. */
  readonly least: number;
  readonly most: number;
}

function readShape(file: FileBytes, separator: number): Shape | undefined {
  const { bytes, size } = file;
  let [rows, least, most] = [0, Number.POSITIVE_INFINITY, 0];
  for (let at = textStart(file); at < size; ) {
    let fields = 0;
    for (let more = true; more; ) {
      at = fieldEnd(bytes, at, separator);
      if (at < 0) return undefined;
      fields += 1;
      more = bytes[at] === separator;
      at += 1;
    }
    if (bytes[at - 1] === carriageReturn && bytes[at] === newline) at += 1;
    rows += 1;
    least = Math.min(least, fields);
    most = Math.max(most, fields);
  }
  return { rows, least, most };
}

/** The offset of the separator or line end behind a field, or −1 where its quotes are broken. */
function fieldEnd(bytes: Uint8Array, start: number, separator: number): number {
  let at = start;
  if (bytes[at] !== quote) {
    while (!isEnd(bytes[at], separator)) at += 1;
    return at;
  }
  for (at = bytes.indexOf(quote, at + 1); at >= 0; at = bytes.indexOf(quote, at + 2)) {
    // A doubled quote is a quote.
    if (bytes[at + 1] !== quote) return isEnd(bytes[at + 1], separator) ? at + 1 : -1;
  }
  return -1;
}

function isEnd(byte: number | undefined, separator: number): boolean {
  return byte === undefined || byte === separator || byte === newline || byte === carriageReturn;
}
