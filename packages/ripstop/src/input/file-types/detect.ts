/** What a file is, by its content alone, except that a text is the kind of text that it is said to be. */
import type { Claims } from './claims.js';
import { looksLikeCsv } from './csv.js';
import type { FileBytes } from './file-bytes.js';
import type { FileType } from './file-format.js';
import { binaryFormat, type DetectedType } from './formats.js';
import { isJson } from './json.js';
import { markupType } from './markup.js';
import { isText } from './text.js';

/** The type, or `undefined` where it is none of ours. */
export function detectType(file: FileBytes, claims: Claims, allowed: readonly FileType[]): DetectedType | undefined {
  const format = binaryFormat(file);
  if (format !== undefined) return format.type;
  if (!isText(file)) return undefined;
  return markupType(file) ?? textType(file, claims, allowed);
}

/**
 * Every JSON is a text, and a list of prices may be a CSV: so the sender's word counts, and what it claims is checked
 * afterwards. Unsaid, it is the first allowed kind that it looks like.
 */
function textType(file: FileBytes, { type, byName }: Claims, allowed: readonly FileType[]): FileType {
  for (const kind of ['application/json', 'text/csv'] as const) {
    if (type === kind || byName === kind) return kind;
  }
  const isSaid = type === 'text/plain' || byName === 'text/plain';
  if (isSaid) return 'text/plain';
  if (allowed.includes('application/json') && isJson(file)) return 'application/json';
  return allowed.includes('text/csv') && looksLikeCsv(file) ? 'text/csv' : 'text/plain';
}
