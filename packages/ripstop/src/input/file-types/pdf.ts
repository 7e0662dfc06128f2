/** PDF: ISO 32000-1 §7.5 (header, cross-reference table and stream, trailer), §12.6.4 (actions). */
import { fault, type FileBytes, unsafe } from './file-bytes.js';
import type { FileFormat } from './file-format.js';

/** Readers look for the end of a file in this many last bytes (ISO 32000-1, Annex H.3, note 18). */
const tailBytes = 1_024;
/** Actions that run a script, or a program. */
const actions: ReadonlySet<string> = new Set(['JavaScript', 'Launch']);
const longestAction = 'JavaScript'.length;

export const pdf: FileFormat = {
  type: 'application/pdf',
  extensions: ['pdf'],
  aliases: ['application/x-pdf'],
  matches: (file) => file.is('%PDF'),
  inspect(file) {
    if (!/^%PDF-[12]\.\d/.test(file.text(0, Math.min(8, file.size)))) throw fault('the PDF has no version');
    const ending = file.findLast('%%EOF', file.size - tailBytes);
    const pointer = ending < 0 ? -1 : file.findLast('startxref', ending - tailBytes, ending);
    if (pointer < 0) throw fault('the PDF has no trailer');
    assertIndex(file, indexOffset(file, pointer, ending), pointer);
    return { end: ending + '%%EOF'.length };
  },
};

function indexOffset(file: FileBytes, pointer: number, ending: number): number {
  const at = pointer + 'startxref'.length;
  const match = /^\s+(\d{1,10})\s+$/.exec(file.text(at, ending - at));
  if (match === null) throw fault('the PDF does not say where its index is');
  return Number(match[1]);
}

/** A table with a trailer behind it, or a stream that is both. */
function assertIndex(file: FileBytes, start: number, pointer: number): void {
  if (start >= pointer) throw fault('the index of the PDF is not where it should be');
  const at = file.skipPadding(start);
  if (file.is('xref', at)) {
    if (file.find('trailer', at) < 0) throw fault('the PDF has no trailer');
    return;
  }
  const head = file.text(at, Math.min(tailBytes, pointer - at));
  if (!/^\d{1,10}\s+\d{1,5}\s+obj\b/.test(head) || !/\/Type\s*\/XRef\b/.test(head)) {
    throw fault('the index of the PDF is not where it should be');
  }
}

/**
 * Names that start a script or a program, also with letters written as `#4a`. What stands inside compressed object
 * streams is not seen: that would take unpacking them.
 *
 * @throws InvalidInputError 400
 */
export function assertNoActions(file: FileBytes): void {
  for (let at = file.bytes.indexOf(0x2f); at >= 0; at = file.bytes.indexOf(0x2f, at + 1)) {
    if (actions.has(nameAt(file, at + 1))) {
      throw unsafe('active_content', 'The PDF runs a script or a program; such files are not accepted');
    }
  }
}

function nameAt(file: FileBytes, start: number): string {
  let name = '';
  for (let at = start; at < file.size && name.length <= longestAction; ) {
    const hex = file.is('#', at) && at + 3 <= file.size ? /^[0-9a-f]{2}$/i.exec(file.text(at + 1, 2)) : null;
    const code = hex === null ? file.u8(at) : Number.parseInt(hex[0], 16);
    if (!isLetter(code)) break;
    name += String.fromCharCode(code);
    at += hex === null ? 1 : 3;
  }
  return name;
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}
