/**
 * Unwrapping: one error is often told several times over, JSON in a string in JSON in a sentence in a server-sent
 * event. Here a body becomes its layers, the outermost first; each holds what one object or sentence says, and nothing
 * is judged yet. A field means what its name says, wherever it stands, so that a new envelope is a new name in a set.
 *
 * All reading is bounded: 64 KiB of a body, 8 levels, 48 objects, 16 frames, 8 elements of an array.
 */
import { codeFacts } from './codes.js';
import { durationMs, longest, scaled } from '../retry-after.js';
import { isObject, type JsonObject, parseJson } from './json.js';

/** What one object, or one sentence around it, says. */
export interface Layer {
  /** Machine-readable names and numbers, as they were sent. */
  readonly codes: readonly string[];
  /** The sentence for people. */
  readonly message: string | undefined;
  /** An HTTP status that stands in the body. */
  readonly status: number | undefined;
  readonly object: JsonObject | undefined;
  /** `object` tells which of Google's quotas was hit. */
  readonly isQuota: boolean;
  /** A wait that stands in a field of its own, in milliseconds. */
  readonly waitMs: number | undefined;
}

export interface Unwrapped {
  /** Outermost first. */
  readonly layers: readonly Layer[];
  /** The JSON documents that the body held: one, or one per event. */
  readonly roots: readonly unknown[];
  /** What the body was on the outside. */
  readonly form: 'empty' | 'html' | 'json' | 'text';
}

interface Reading {
  readonly layers: Layer[];
  readonly roots: unknown[];
}

/** What a field means, by its name. */
interface Role {
  /** A machine-readable name or number. */
  readonly code?: true;
  /** A sentence for people. */
  readonly text?: true;
  /** An HTTP status. */
  readonly status?: true;
  /** It holds the error, or what belongs to it, rather than an answer or the prompt. */
  readonly inside?: true;
  /** It tells which of Google's quotas was hit. */
  readonly quota?: true;
  /** A wait, in units of so many milliseconds; 0 for a duration with units of its own. */
  readonly waitUnitMs?: number;
}

const roles: ReadonlyMap<string, Role> = rolesOf([
  [{ code: true, status: true }, 'code status'],
  [{ status: true }, 'status_code statusCode StatusCode http_status httpStatus http_code'],
  [
    { code: true },
    `type error_type errorType error_code errorCode error_name __type Code Type reason name err_code err_type errcode
     exception_type exceptionType`,
  ],
  [{ code: true, text: true }, 'title'],
  [
    { text: true },
    `msg Message error_message errorMessage error_msg err_msg errmsg description error_description status_msg
     exception_message failure_reason failureReason`,
  ],
  [{ code: true, text: true, inside: true }, 'error'],
  [{ text: true, inside: true }, 'message detail details errors raw body'],
  [
    { inside: true },
    `metadata response data innererror inner_error cause exception fault base_resp violations headers last_error
     incomplete_details node_errors provider_error upstream_error`,
  ],
  [{ quota: true }, 'quotaId quotaValue quota_limit quota_limit_value'],
  [{ waitUnitMs: 1 }, 'retry_after_ms retryAfterMs'],
  [
    { waitUnitMs: 1_000 },
    `retry_after retry_after_seconds retryAfter retryAfterSeconds Retry-After retry-after estimated_time
     resets_in_seconds`,
  ],
  [{ waitUnitMs: 0 }, 'retryDelay quotaResetDelay'],
]);

function rolesOf(table: readonly (readonly [Role, string])[]): ReadonlyMap<string, Role> {
  return new Map(table.flatMap(([role, names]) => names.split(/\s+/).map((name) => [name, role])));
}

/** Members of an AWS event stream: `throttlingException`, `modelStreamErrorException`. */
const exceptionMember = /Exception$/;

const maxBody = 64 * 1024;
const maxText = 4 * 1024;
const maxDepth = 8;
const maxObjects = 48;
const maxElements = 8;
const maxKeys = 64;
const maxFrames = 16;

/** Takes a body apart. */
export function unwrap(body: string): Unwrapped {
  const text = body.length > maxBody ? body.slice(0, maxBody).trim() : body.trim();
  const reading: Reading = { layers: [], roots: [] };
  const { layers, roots } = reading;
  if (text === '') return { layers, roots, form: 'empty' };
  if (isHtml(text)) {
    addText(reading, htmlTitle(text));
    return { layers, roots, form: 'html' };
  }
  for (const frame of framesOf(text)) readText(reading, frame, 0);
  return { layers, roots, form: roots.length > 0 ? 'json' : 'text' };
}

/** Takes a value apart that somebody has parsed already: the `error` of an SDK's exception. */
export function unwrapValue(value: unknown): Unwrapped {
  if (typeof value === 'string') return unwrap(value);
  const reading: Reading = { layers: [], roots: [value] };
  readValue(reading, value, 0);
  return { ...reading, form: 'json' };
}

function isHtml(text: string): boolean {
  return (
    text.charCodeAt(0) === 60 && /^<(?:!doctype|html|head|body|center|h1|title|\?xml|!--)/i.test(text.slice(0, 10))
  );
}

/** The title or headline of a page, and Cloudflare's error number; the rest is decoration. */
function htmlTitle(html: string): string {
  const part = html.slice(0, maxText);
  const title = /<(?:title|h1)[^>]{0,100}>([^<]{1,200})/i.exec(part)?.[1] ?? '';
  const number = /error code:? ?\d{3,4}/i.exec(part)?.[0] ?? '';
  return `${title} ${number}`.trim();
}

/** The payloads of server-sent events or of newline-delimited JSON; else the text as it is. */
function framesOf(text: string): readonly string[] {
  if (text.startsWith('{')) {
    const isDelimited = text.includes('}\n{') || text.includes('}\r\n{');
    return isDelimited ? text.split(/\r?\n(?=\{)/).slice(-maxFrames) : [text];
  }
  if (!/^(?:data|event|id|retry|):/.test(text) && !text.includes('\ndata:')) return [text];
  const data = text.split(/\r?\n/).filter((line) => line.startsWith('data:'));
  return data.slice(-maxFrames).map((line) => line.slice(5).trim());
}

const jsonStart = /\{\s*["'}]|\[\s*\{/;

/** A text may be JSON, or a sentence with JSON inside. */
function readText(reading: Reading, text: string, depth: number): void {
  if (text.charCodeAt(0) === 34 && text.endsWith('"') && text.length > 1 && depth < maxDepth) {
    const inner = parseJson(text);
    if (typeof inner === 'string') return readText(reading, inner.trim(), depth + 1);
  }
  const start = jsonStart.exec(text)?.index;
  if (start === undefined) return addText(reading, text);
  if (start > 0) addText(reading, text.slice(0, start));
  const value = parseJson(start === 0 ? text : upToLastBracket(text.slice(start)));
  if (depth === 0) reading.roots.push(value);
  readValue(reading, value, depth + 1);
}

function upToLastBracket(text: string): string {
  return text.slice(0, Math.max(text.lastIndexOf('}'), text.lastIndexOf(']')) + 1) || text;
}

function readValue(reading: Reading, value: unknown, depth: number): void {
  if (depth > maxDepth || reading.layers.length >= maxObjects) return;
  if (Array.isArray(value)) for (const element of value.slice(0, maxElements)) readValue(reading, element, depth + 1);
  else if (isObject(value)) readObject(reading, value, depth);
  else if (typeof value === 'string') readText(reading, value.trim(), depth);
}

function readObject(reading: Reading, object: JsonObject, depth: number): void {
  const codes: string[] = [];
  const inside: unknown[] = [];
  let message: string | undefined;
  let status: number | undefined;
  let waitMs: number | undefined;
  let isQuota = false;
  let keys = 0;
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value === null || value === undefined || value === '') continue;
    if (++keys > maxKeys) break;
    const role = roles.get(key);
    if (typeof value === 'object') {
      if (role?.inside) inside.push(value);
      else if (role === undefined) inside.push(...innerErrors(key, value));
      continue;
    }
    if (role === undefined) continue;
    if (role.quota) isQuota = true;
    if (role.status) status ??= asStatus(value);
    if (role.code && isCode(value)) codes.push(String(value));
    if (role.waitUnitMs !== undefined) waitMs = longest(waitMs, waitIn(value, role.waitUnitMs));
    if (typeof value !== 'string' || !role.text) continue;
    if (value.includes('{') && jsonStart.test(value)) inside.push(value);
    else message = message === undefined ? value : `${message} ${value}`;
  }
  if (message !== undefined) codes.push(...leadingCodes(message));
  reading.layers.push({ codes, message: message?.slice(0, maxText), status, object, isQuota, waitMs });
  for (const value of inside) readValue(reading, value, depth + 1);
}

function waitIn(value: unknown, unitMs: number): number | undefined {
  if (unitMs > 0) return scaled(value, unitMs);
  return typeof value === 'string' ? durationMs(value) : undefined;
}

/** Errors under names that cannot be listed. Of a choice, whose content is the model's, only an error in its place. */
function innerErrors(key: string, value: object): readonly unknown[] {
  if (exceptionMember.test(key)) return [{ code: key, ...value }];
  return key === 'choices' ? choiceErrors(value) : [];
}

function choiceErrors(choices: unknown): readonly unknown[] {
  const list: readonly unknown[] = Array.isArray(choices) ? choices.slice(0, maxElements) : [];
  return list.flatMap((choice) => (isObject(choice) && isObject(choice.error) ? [choice.error] : []));
}

function addText(reading: Reading, text: string): void {
  const message = text.slice(0, maxText).trim();
  if (message === '') return;
  const status = leadingStatus(message);
  reading.layers.push({
    codes: leadingCodes(message),
    message,
    status,
    object: undefined,
    isQuota: false,
    waitMs: undefined,
  });
}

const leadingCode = /^(?:error:? ?)?(?:\d{3}:? )?([A-Za-z][\w.]{4,60}):(?: |$)(?:([A-Za-z]\w{4,60}):(?: |$))?/;

const noCodes: readonly string[] = [];

/** `ThrottlingException: …`, `litellm.ContextWindowExceededError: litellm.BadRequestError: …` */
function leadingCodes(text: string): readonly string[] {
  const found = text.includes(':') ? leadingCode.exec(text) : null;
  if (found === null) return noCodes;
  return found.slice(1).filter((code) => code !== undefined && codeFacts(code) !== undefined);
}

const leadingNumber =
  /^(?:(?:api|http|error|got|status|code|unexpected|response|failed|provider|returned)[: ]+){0,5}\(?([45]\d\d)\)?(?=$|[\s:.,])/i;

/** `400 …`, `Error: 503 …`, `HTTP 402: …`, `Status 429: …`, `got status: 400 Bad Request.`, `error code: 522`. */
function leadingStatus(text: string): number | undefined {
  const found = leadingNumber.exec(text.slice(0, 60));
  return found === null ? undefined : Number(found[1]);
}

function asStatus(value: unknown): number | undefined {
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : undefined;
}

/** Names are short; a sentence is not one, and neither is the bare word that marks every error. */
function isCode(value: unknown): value is string | number {
  if (typeof value === 'number') return true;
  if (typeof value !== 'string' || value.length > 80 || value === 'error') return false;
  return !value.includes(' ') || value.split(' ', 6).length <= 4;
}
