/** Everything that an answer or a thrown error says, gathered in one place and not yet judged. */
import { type CodeFacts, codeFacts, statusOfRpc } from './codes.js';
import { type HeaderReader, headerReader, type HeadersInput, noHeaders } from './headers.js';
import type { Thrown } from './network.js';
import { effectiveStatus, moreTelling } from './statuses.js';
import { readThrown } from './thrown.js';
import { type Layer, unwrap, type Unwrapped, unwrapValue } from './unwrap.js';

/** What is known of a failure; any part may be missing. */
export interface ClassifyInput {
  /** HTTP status, where there was an answer. */
  readonly status?: number | undefined;
  readonly headers?: HeadersInput | null | undefined;
  /** Raw text: of an answer, of one event of a stream, or of a finished message. */
  readonly body?: string | null | undefined;
  /** What the network, or an SDK, threw. */
  readonly error?: unknown;
  /** The caller's own signal is aborted: what was thrown is only the echo. */
  readonly callerAborted?: boolean | undefined;
}

export interface Evidence {
  readonly callerAborted: boolean;
  /** The answer's own status. */
  readonly outerStatus: number | undefined;
  /** The status that counts: the body's, where it tells more. */
  readonly status: number | undefined;
  readonly header: HeaderReader;
  /** Innermost first. */
  readonly layers: readonly Layer[];
  /** What is known of the codes, innermost first. */
  readonly codes: readonly CodeFacts[];
  readonly roots: readonly unknown[];
  readonly form: Unwrapped['form'];
  /** All sentences, innermost first: lower case, no URLs, no quotes; `_` and line breaks are blanks. */
  readonly text: string;
  /** Innermost first; empty where nothing was thrown. */
  readonly thrown: readonly Thrown[];
}

/** Reads the input. A thrown error may carry the answer that it is about. */
export function gather(input: ClassifyInput): Evidence {
  const { chain, answer } = input.error === undefined || input.error === null ? nothingThrown : readThrown(input.error);
  const outerStatus = validStatus(input.status) ?? validStatus(answer?.status);
  const body = typeof input.body === 'string' && input.body !== '' ? input.body : answer?.body;
  const { layers, roots, form } = unwrapAny(body ?? '');
  const header = headerReader(input.headers) ?? headerReader(answer?.headers) ?? noHeaders;
  const inward = [...layers, ...headerLayer(header)].toReversed();
  const codes = readCodes(inward);
  return {
    callerAborted: input.callerAborted === true,
    outerStatus,
    status: effectiveStatus(outerStatus, codes.status),
    header,
    layers: inward,
    codes: codes.facts,
    roots,
    form,
    text: plainText(inward, codes.unlisted),
    thrown: chain,
  };
}

const nothingThrown = { chain: [], answer: undefined } as const;

/** The body of an SDK's exception may be any object; if it cannot be read, the rest of the error still tells. */
function unwrapAny(body: unknown): Unwrapped {
  try {
    return unwrapValue(body);
  } catch {
    return unwrap('');
  }
}

function validStatus(status: unknown): number | undefined {
  return typeof status === 'number' && status >= 100 && status < 600 ? status : undefined;
}

/** Headers that name the error as a field of the body would (AWS, fal). */
function headerLayer(header: HeaderReader): readonly Layer[] {
  const code = header('x-amzn-errortype') ?? header('x-fal-error-type');
  return code === undefined
    ? []
    : [{ codes: [code], message: undefined, status: undefined, object: undefined, isQuota: false, waitMs: undefined }];
}

interface Codes {
  readonly facts: readonly CodeFacts[];
  /** The status that the layers speak of, as a number or by a name: the innermost, a telling one before a plain. */
  readonly status: number | undefined;
  /** Codes that no table lists, as words. */
  readonly unlisted: string;
}

function readCodes(layers: readonly Layer[]): Codes {
  const facts: CodeFacts[] = [];
  let found: number | undefined;
  let unlisted = '';
  for (const { status, codes, object } of layers) {
    found = moreTelling(found, status);
    for (const code of codes) {
      const known = codeFacts(code);
      if (known === undefined) {
        unlisted += ` (${inWords(code)})`;
        if (object?.code === Number(code)) found = moreTelling(found, statusOfRpc(object.code));
        continue;
      }
      facts.push(known);
      found = moreTelling(found, known.status);
    }
  }
  return { facts, status: found, unlisted };
}

const maxText = 4 * 1024;

function plainText(layers: readonly Layer[], unlisted: string): string {
  let text = '';
  for (const { message } of layers) {
    if (message !== undefined) text += ` ${message}`;
    if (text.length > maxText) break;
  }
  return plain((text + unlisted).slice(0, maxText));
}

/** A sentence in the form that the tables of patterns expect. */
export function plain(text: string): string {
  const lower = text.toLowerCase();
  const unlinked = lower.includes('://') ? lower.replace(/\bhttps?:\/\/\S+/g, ' ') : lower;
  return unlinked
    .replaceAll('’', "'")
    .replaceAll('"', '')
    .replaceAll('`', '')
    .replaceAll('_', ' ')
    .replace(/\s{2,}|[\n\r\t]/g, ' ')
    .trim();
}

/** `SensitiveContentDetected` is "Sensitive Content Detected"; underscores become blanks with the rest of the text. */
function inWords(code: string): string {
  return code.replace(/([a-z])(?=[A-Z])/g, '$1 ');
}
