/** What a file is, by its content alone, except that a text is the kind of text that it is said to be. */
import type { Claims } from './claims.js';
import { assertCsv, looksLikeCsv } from './csv.js';
import type { FileBytes } from './file-bytes.js';
import type { FileType } from './file-format.js';
import { binaryFormat, type DetectedType } from './formats.js';
import { assertJson, isJson } from './json.js';
import { markupType } from './markup.js';
import { isText } from './text.js';

/**
 * The type, or `undefined` where it is none of ours.
 *
 * @throws InvalidInputError 400 for a text that is not of the kind that it is said to be.
 */
export function detectType(file: FileBytes, claims: Claims, allowed: readonly FileType[]): DetectedType | undefined {
  const format = binaryFormat(file);
  if (format !== undefined) return format.type;
  if (!isText(file)) return undefined;
  return markupType(file) ?? textType(file, claims, allowed);
}

/**
 * Every JSON is a text, and a list of prices may be a CSV: so the sender's word counts, and is checked. Unsaid, it is the
 * first allowed kind that it looks like.
 */
function textType(file: FileBytes, { type, byName }: Claims, allowed: readonly FileType[]): FileType {
  const isSaid = (kind: FileType): boolean => type === kind || byName === kind;
  const may = (kind: FileType): boolean => allowed.includes(kind);
  if (isSaid('application/json')) {
    if (may('application/json')) assertJson(file);
    return 'application/json';
  }
  if (isSaid('text/csv')) {
    if (may('text/csv')) assertCsv(file);
    return 'text/csv';
  }
  if (isSaid('text/plain')) return 'text/plain';
  if (may('application/json') && isJson(file)) return 'application/json';
  return may('text/csv') && looksLikeCsv(file) ? 'text/csv' : 'text/plain';
}
