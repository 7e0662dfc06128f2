/** CSV: RFC 4180, with the separators of other countries. Fields begin quoted or not; a quote inside the latter is text. */
import { fault, type FileBytes } from './file-bytes.js';
import { textStart } from './text.js';

const separators = [',', ';', '\t', '|'].map((separator) => separator.charCodeAt(0));
const [quote, newline, carriageReturn] = [0x22, 0x0a, 0x0d];

/** @throws InvalidInputError 400 where a quoted field has no end. Rows may differ in length, as those of real files do. */
export function assertCsv(file: FileBytes): void {
  if (readShape(file) === undefined) throw fault('a quoted field of the CSV has no end');
}

/** Would anybody call it CSV, untold? At least two rows, all of the same number of fields, at least two. */
export function looksLikeCsv(file: FileBytes): boolean {
  const shape = readShape(file);
  return shape !== undefined && shape.rows >= 2 && shape.least >= 2 && shape.least === shape.most;
}

interface Shape {
  readonly rows: number;
  /** Fields of the shortest row, and of the longest. */
  readonly least: number;
  readonly most: number;
}

function readShape(file: FileBytes): Shape | undefined {
  const { bytes, size } = file;
  const separator = separatorOf(file);
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

/** The one that the first line has most of. */
function separatorOf(file: FileBytes): number {
  const counts = new Map<number, number>(separators.map((separator) => [separator, 0]));
  for (let at = textStart(file); !isLineEnd(file.bytes[at]); at += 1) {
    const byte = file.bytes[at] as number;
    const count = counts.get(byte);
    if (count !== undefined) counts.set(byte, count + 1);
  }
  const most = Math.max(...counts.values());
  return separators.find((separator) => counts.get(separator) === most) as number;
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
  return byte === separator || isLineEnd(byte);
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === undefined || byte === newline || byte === carriageReturn;
}
