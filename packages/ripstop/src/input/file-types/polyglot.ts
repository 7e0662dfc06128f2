/** Files that are two things at once: each of their readers sees another one. */
import { type FileBytes, unsafe } from './file-bytes.js';
import type { FileFacts, FileFormat } from './file-format.js';
import { hidesMarkup, sniffedBytes } from './markup.js';
import { assertNoActions } from './pdf.js';
import { hidesZip } from './zip-end.js';

/** PDF readers accept the header anywhere in this many first bytes (ISO 32000-1, Annex H.3, note 13). */
const pdfHeaderBytes = 1_024;

/** What is refused unless it is allowed by name. */
export const unsafeContents = ['svg', 'html', 'markup', 'trailing_data', 'polyglot', 'pdf_actions'] as const;

/** What is refused unless it is allowed by name. */
export type UnsafeContent = (typeof unsafeContents)[number];

/** @throws InvalidInputError 400 for a binary file that is more than it seems. */
export function assertOneThing(
  file: FileBytes,
  { type }: FileFormat,
  { end }: FileFacts,
  allowed: readonly UnsafeContent[],
): void {
  if (!allowed.includes('trailing_data') && end !== undefined && file.skipPadding(end) < file.size) {
    throw unsafe('trailing_data', 'The file goes on behind its end; such files are not accepted');
  }
  // A ZIP holds whole files, as they are: a PDF at its front, HTML, another ZIP.
  if (type === 'application/zip') return;
  if (!allowed.includes('polyglot')) {
    if (type !== 'application/pdf') assertNoPdf(file);
    if (hidesZip(file)) throw twoFiles();
  }
  if (!allowed.includes('markup')) {
    const isImage = type.startsWith('image/');
    if (hidesMarkup(file, isImage ? file.size : sniffedBytes)) {
      throw unsafe('markup', 'The file holds markup or a script; such files are not accepted');
    }
  }
  if (!allowed.includes('pdf_actions') && type === 'application/pdf') assertNoActions(file);
}

/** @throws InvalidInputError 400 for a file that is none, and that PDF readers would read. */
export function assertNoPdf(file: FileBytes): void {
  if (file.find('%PDF-', 0, pdfHeaderBytes) >= 0) throw twoFiles();
}

function twoFiles(): Error {
  return unsafe('polyglot', 'The file is two files in one; such files are not accepted');
}
