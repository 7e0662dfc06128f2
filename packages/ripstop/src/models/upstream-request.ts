/** What every request to a model service over HTTP has in common, whatever it asks for. */
import type { CallScope } from '../call/call.js';
import { currentCorrelationId } from '../call/context-frames.js';
import { isCorrelationId } from '../call/correlation-id.js';
import { badOption } from '../call/options.js';
import { ModelError } from '../errors/model-error.js';
import { InvalidResponseError } from '../errors/upstream-errors.js';
import { classify } from './classify/classify.js';
import { within } from './content-limits.js';
import type { HttpAnswer } from './http-transport.js';

/** Enough of an error to say what it means. */
const maxErrorBytes = 64 * 2 ** 10;

/** @throws RangeError for a base that is no URL, or holds a secret. */
export function endpointUrl(base: string, path: string): string {
  const url = URL.canParse(base) ? new URL(base) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw badOption('url', 'must be an http or https URL', base);
  // Never printed: it holds a secret.
  if (url.username !== '' || url.password !== '')
    throw new RangeError('url must not hold a user or a password; use key');
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`;
  return url.href;
}

export interface RequestCredentials {
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A header that fetch would refuse is refused here: the error of fetch repeats it, key and all. @throws RangeError */
export function requestHeaders({ key, headers = {} }: RequestCredentials): Record<string, string> {
  const all: Record<string, string> = { 'content-type': 'application/json' };
  if (key !== undefined) all['authorization'] = `Bearer ${key}`;
  for (const [name, value] of Object.entries(headers)) all[name.toLowerCase()] = value;
  for (const [name, value] of Object.entries(all)) {
    if (!/^[!#$%&'*+.^`|~\w-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw new RangeError(`${name === 'authorization' ? 'key' : 'headers'} must hold what a header may hold`);
    }
  }
  return all;
}

/** The id travels on, so that the upstream's logs and ours can be joined. */
export function correlationHeaders(
  correlationId: string | undefined = currentCorrelationId(),
): Readonly<Record<string, string>> {
  return isCorrelationId(correlationId) ? { 'x-correlation-id': correlationId } : {};
}

export function isOk({ status }: HttpAnswer): boolean {
  return status >= 200 && status < 300;
}

export interface BodyLimits {
  readonly maxBodyBytes: number;
  /** From one piece to the next, in milliseconds. */
  readonly gapMs: number;
}

/** The whole body. Of an error, only its beginning is read; any other body that is too long is no answer. */
export async function readBody(
  answer: HttpAnswer,
  { maxBodyBytes, gapMs }: BodyLimits,
  call: CallScope,
): Promise<Uint8Array> {
  const maxBytes = isOk(answer) ? maxBodyBytes : maxErrorBytes;
  const source = answer.body[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const step = await within({ phase: 'gap', ms: gapMs }, source.next(), call);
      if (step.done) return joined(chunks, bytes);
      bytes += step.value.byteLength;
      chunks.push(step.value);
      if (bytes <= maxBytes) continue;
      if (!isOk(answer)) return joined(chunks, bytes);
      throw new InvalidResponseError('The model service sent an answer that is too large', {
        details: { max_bytes: maxBytes },
      });
    }
  } finally {
    // Never waited for: a body that hangs ends by its signal.
    void source.return?.().catch(() => undefined);
  }
}

function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}

const utf8 = new TextDecoder();

export function textOfBody(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

/** Whatever an aborted call throws, its end was the abort. */
export function requestFailure(error: unknown, call: CallScope): unknown {
  if (call.aborted) return call.reason;
  return ModelError.isInstance(error) ? error : classify({ error });
}
