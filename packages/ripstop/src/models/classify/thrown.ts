/** Reading what was thrown: any value at all, whose getters may throw, lie or lead round in circles. */
import type { CarriedAnswer, Thrown } from './network.js';

export interface ReadError {
  /** Innermost first. */
  readonly chain: readonly Thrown[];
  /** The HTTP answer that an SDK's exception carries. */
  readonly answer: CarriedAnswer | undefined;
}

const maxErrors = 16;
const maxMembers = 4;
const maxMessage = 4 * 1024;

/** Walks causes and members, nearest first, each at most once, and at most 16 of them. */
export function readThrown(error: unknown): ReadError {
  const seen = new Set<unknown>();
  const chain: Thrown[] = [];
  let answer: CarriedAnswer | undefined;
  const queue: unknown[] = [error];
  for (let at = 0; at < queue.length && seen.size < maxErrors; at++) {
    const value = queue[at];
    if (value === null || value === undefined || seen.has(value)) continue;
    seen.add(value);
    chain.unshift(asThrown(value));
    if (typeof value !== 'object') continue;
    answer ??= answerOf(value);
    queue.push(read(value, 'cause'), ...membersOf(value), read(value, 'lastError'), read(value, 'originalError'));
  }
  return { chain, answer };
}

function asThrown(value: unknown): Thrown {
  if (typeof value !== 'object' || value === null) return { name: '', message: text(value), code: undefined };
  const code = read(value, 'code');
  return {
    name: text(read(value, 'name')),
    message: text(read(value, 'message')),
    // A DOMException's code is a number, of a list of its own.
    code: typeof code === 'string' && code !== '' ? code.slice(0, 100) : undefined,
  };
}

/** What openai, the AI SDK, axios, got, ky and the AWS SDK hang on to their exceptions. */
function answerOf(value: object): CarriedAnswer | undefined {
  const response = objectOr(read(value, 'response'));
  const metadata = objectOr(read(value, '$metadata'));
  const status =
    statusOf(read(value, 'status')) ??
    statusOf(read(value, 'statusCode')) ??
    statusOf(response && read(response, 'status')) ??
    statusOf(response && read(response, 'statusCode')) ??
    statusOf(metadata && read(metadata, 'httpStatusCode'));
  const body =
    read(value, 'responseBody') ??
    read(value, 'error') ??
    read(value, 'body') ??
    (response && (read(response, 'data') ?? read(response, 'body')));
  const known = typeof body === 'string' ? body : objectOr(body);
  if (status === undefined && (known === undefined || typeof known === 'string')) return undefined;
  const headers =
    read(value, 'responseHeaders') ?? read(value, 'headers') ?? (response && read(response, 'headers')) ?? undefined;
  return { ...(status === undefined ? {} : { status }), headers, body: known ?? text(read(value, 'message')) };
}

function membersOf(value: object): readonly unknown[] {
  const members = read(value, 'errors');
  if (!Array.isArray(members)) return [];
  return Array.from({ length: Math.min(maxMembers, members.length) }, (_, index) => read(members, String(index)));
}

function statusOf(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 400 && value < 600 ? value : undefined;
}

function objectOr(value: unknown): object | undefined {
  return typeof value === 'object' && value !== null ? value : undefined;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, maxMessage) : '';
}

/** One bad getter must not hide what the others say. */
function read(target: object, key: string): unknown {
  try {
    return (target as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
