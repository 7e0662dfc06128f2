/** Text that a browser runs: HTML and SVG as files, and markup hidden in files of other types. */
import type { FileBytes } from './file-bytes.js';
import { textStart } from './text.js';

/** What markup a text is. */
export type MarkupType = 'image/svg+xml' | 'text/html' | 'application/xml';

/** How far a browser looks before it decides what a file is (https://mimesniff.spec.whatwg.org §7: 1,445 bytes). */
export const sniffedBytes = 1_445;

/** The tags by which browsers know HTML (mimesniff §7.1), at the beginning of a file. */
const htmlStart =
  /^(?:<!doctype html|<(?:html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)(?=[\s>/]|$)|<!--)/i;
const svgStart = /^<(?:[\w.-]+:)?svg(?=[\s>/]|$)/i;
const xmlStart = /^<(?:\?xml|!doctype)/i;
const longestTag = 64;
/** What follows a longer prologue need not be known: the prologue alone makes markup of a text. */
const longestPrologue = 64 * 1024;

/** What a text is if it begins as markup does. A comment alone makes HTML of it, as it does in browsers. */
export function markupType(file: FileBytes): MarkupType | undefined {
  const start = file.skipPadding(textStart(file));
  const root = head(file, rootAt(file, start));
  if (svgStart.test(root)) return 'image/svg+xml';
  const first = head(file, start);
  if (htmlStart.test(first) || htmlStart.test(root)) return 'text/html';
  return xmlStart.test(first) ? 'application/xml' : undefined;
}

/** Where the first element begins: behind declarations, comments and the document type. */
function rootAt(file: FileBytes, start: number): number {
  let at = start;
  while (at < start + longestPrologue) {
    const closing = closingOf(file, at);
    if (closing === undefined) return at;
    const end = file.find(closing, at + 2);
    if (end < 0) return at;
    at = file.skipPadding(end + closing.length);
  }
  return at;
}

function closingOf(file: FileBytes, at: number): string | undefined {
  if (file.is('<!--', at)) return '-->';
  if (file.is('<?', at)) return '?>';
  if (!file.is('<!', at)) return undefined;
  // A document type may declare entities, in brackets.
  const end = file.find('>', at);
  return file.find('[', at, end) >= 0 ? ']>' : '>';
}

/** In lower case, and what follows them is white space, a slash or the tag's end. */
const hiddenAnywhere = ['<script', '<iframe', '<!doctype html', '<?php'];
/** These are too short to be looked for in megabytes of random bytes. */
const hiddenAtFront = ['<html', '<head', '<body', '<svg'];

/** Does a file that is no text hold markup: up to `end`, or the shorter tags in what browsers sniff? */
export function hidesMarkup({ bytes }: FileBytes, end: number): boolean {
  for (let at = bytes.indexOf(0x3c); at >= 0 && at < end; at = bytes.indexOf(0x3c, at + 1)) {
    if (hiddenAnywhere.some((tag) => isTag(bytes, at, tag))) return true;
    if (at < sniffedBytes && hiddenAtFront.some((tag) => isTag(bytes, at, tag))) return true;
  }
  return false;
}

function isTag(bytes: Uint8Array, at: number, tag: string): boolean {
  for (let index = 1; index < tag.length; index += 1) {
    // This bit makes small letters of capitals, and leaves the other characters of a tag as they are.
    if (((bytes[at + index] ?? 0) | 0x20) !== tag.charCodeAt(index)) return false;
  }
  return ' \t\n\r\f/>'.includes(String.fromCharCode(bytes[at + tag.length] ?? 0));
}

function head(file: FileBytes, at: number): string {
  return file.text(at, Math.min(longestTag, file.size - at));
}
