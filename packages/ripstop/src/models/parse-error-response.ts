import { settleOrAbort } from '../call/abort.js';
import { abortable } from '../call/attempt.js';
import { isCorrelationId } from '../call/correlation-id.js';
import { assertCount, assertPositive, withDefaults } from '../call/options.js';
import { createContext, type RootScope } from '../call/root-scope.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import type { ModelError } from '../errors/model-error.js';
import { classify } from './classify/classify.js';
import { parseJson } from './classify/json.js';
import { readEnvelope } from './own-envelope.js';
import { retryAfterMs } from './retry-after.js';

/** Options of `parseErrorResponse()`. */
export interface ParseErrorResponseOptions {
  /** How much of the body is read, in bytes. Default: 65 536. */
  readonly maxBytes?: number | undefined;
  /** How long the body may take, in milliseconds; what has come by then counts. Default: 5 000. */
  readonly limitMs?: number | undefined;
  /** The caller's. The promise rejects with its very reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How much of an error answer is read, unless told otherwise. */
export const parseErrorResponseDefaults = { maxBytes: 64 * 1024, limitMs: 5_000 } as const;

/** Where services say what a request is called, ours first: OpenAI and most others, Anthropic, Chutes, AWS. */
const idHeaders = ['x-correlation-id', 'x-request-id', 'request-id', 'x-chutes-invocationid', 'x-amzn-requestid'];

/**
 * The `ModelError` that an answer means, whatever its envelope: ours, OpenAI's, Anthropic's, the `{ detail }` of Chutes
 * and FastAPI, problem+json, a proxy's page, or nothing at all.
 *
 * An error that a Ripstop service sent comes back as it was: type, status, message, details, whether to retry and when,
 * correlation id. Of any other, `classify` says what it means; `details.status` is the answer's status. The body is
 * consumed, and never read further than the limits. For answers whose status says that they failed.
 *
 * @throws RangeError for a bad option.
 */
export async function parseErrorResponse(
  response: Response,
  options: ParseErrorResponseOptions = {},
  runtime: Runtime = systemRuntime,
): Promise<ModelError> {
  const { maxBytes, limitMs } = withDefaults(parseErrorResponseDefaults, options);
  assertCount('maxBytes', maxBytes);
  assertPositive('limitMs', limitMs);
  const { status, headers } = response;
  const { text, failure } = await readBeginning(
    response,
    maxBytes,
    createContext({ ...options, deadlineMs: limitMs }, runtime),
  );
  const error =
    readEnvelope(parseJson(text.trim()), status) ?? classify({ status, headers, body: text, error: failure });
  const id = idHeaders.map((name) => headers.get(name)).find(isCorrelationId);
  if (id !== undefined) error.correlationId ??= id;
  const waitMs = error.retryAfterMs ?? retryAfterMs(headers);
  return waitMs === undefined ? error : Object.assign(error, { retryAfterMs: waitMs });
}

interface Beginning {
  readonly text: string;
  /** What broke the body off, if anything did. */
  readonly failure: unknown;
}

/** Rejects only when the caller has left. */
async function readBeginning({ body, bodyUsed }: Response, maxBytes: number, call: RootScope): Promise<Beginning> {
  // Nobody can read what somebody else has read; status and headers still tell.
  if (body === null || bodyUsed || body.locked) return { text: '', failure: undefined };
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let [text, left] = ['', maxBytes];
  try {
    while (left > 0) {
      const step = await settleOrAbort(reader.read(), abortable(call));
      if (step.done) break;
      text += decoder.decode(step.value.subarray(0, left), { stream: true });
      left -= step.value.byteLength;
    }
    return { text, failure: undefined };
  } catch (error) {
    if (call.cancelled) throw call.reason;
    // What has come by the limit may well be all of it.
    return { text, failure: call.aborted ? undefined : error };
  } finally {
    call.release();
    // A body that broke refuses to be cancelled, and that it broke is known already.
    reader.cancel().catch(() => undefined);
  }
}
