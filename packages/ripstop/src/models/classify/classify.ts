/**
 * Classify: any failure of a model service → the one ModelError that it means.
 *
 * The evidence is gathered first (`unwrap.ts`, `thrown.ts`), then judged in order of its strength: the caller's own
 * abort, codes that name a cause, Google's quota details, sentences, why a message ended, and last the status. The tables
 * (`codes`, `prose`, `finish-reasons`, `network`, `statuses`, `numbers`) hold all that is known of providers; a new one
 * is a few words in them. It leaves out on purpose what needs state: whether to retry is the policies' business.
 *
 * Sources: the providers' published error pages and the sources of open servers, named in the tables; RFC 9110.
 */
import { createError } from '../../errors/create-error.js';
import { type ErrorType, errorFacts } from '../../errors/error-types.js';
import type { ModelError, ModelErrorOptions } from '../../errors/model-error.js';
import { redact } from '../../errors/redact.js';
import { longest, waitInHeaders, waitInLimitHeaders, waitInProse } from '../retry-after.js';
import { codeFacts, numberVerdict } from './codes.js';
import { type ClassifyInput, type Evidence, gather, plain } from './evidence.js';
import { finishVerdict, spokenFinishVerdict } from './finish-reasons.js';
import { googleVerdict } from './google.js';
import { member } from './json.js';
import { networkVerdict } from './network.js';
import { contextFields, type ContextNumbers, contextNumbers } from './numbers.js';
import { isDaily, isTooLarge, proseVerdict } from './prose.js';
import { statusVerdict, tellingVerdict } from './statuses.js';
import { type Verdict, verdict } from './verdict.js';

export type { ClassifyInput } from './evidence.js';

/**
 * Says what a failure means.
 *
 * Never throws, whatever it is given, and reads only so much of it. `message` and `details` are safe to show:
 * `details.status` is the upstream's status, `details.max_length` and `details.input_length` are context numbers that
 * were stated. The original stands in `cause` (what was thrown) and `diagnostics` (status and body), which are never
 * serialised.
 */
export function classify(input: ClassifyInput): ModelError {
  try {
    const evidence = gather(input);
    return toError(input, evidence, judge(evidence));
  } catch (fault) {
    // Only an input made to harm comes here: a proxy, or a getter that throws.
    return createError('upstream_unavailable', { origin: 'upstream', cause: fault });
  }
}

/** The order of evidence. The first that knows ends the search. */
function judge(evidence: Evidence): Verdict {
  return (
    byCaller(evidence) ??
    byThrown(evidence) ??
    byCode(evidence) ??
    byGoogle(evidence) ??
    byFinish(evidence) ??
    byTellingStatus(evidence) ??
    byProse(evidence) ??
    byNumber(evidence) ??
    byVagueCode(evidence) ??
    byStatus(evidence) ??
    nothingSaid
  );
}

const nothingSaid = verdict('invalid_response');
const unknownFailure = verdict('generation_failed');
const unreachable = verdict('upstream_unavailable');

function byCaller({ callerAborted }: Evidence): Verdict | undefined {
  return callerAborted ? verdict('cancelled') : undefined;
}

/** An answer with an error status, or with an error inside, tells more than what was thrown while it was read. */
function byThrown(evidence: Evidence): Verdict | undefined {
  const { thrown, status, roots } = evidence;
  if (thrown.length === 0 || (status !== undefined && status >= 400) || hasError(roots)) return undefined;
  const sentence = thrown.map(({ message }) => message).join(' ');
  return (
    networkVerdict(thrown) ??
    firstOf(thrown, ({ name }) => codeFacts(name)?.cause) ??
    proseVerdict(plain(sentence), undefined) ??
    unreachable
  );
}

function byCode({ codes }: Evidence): Verdict | undefined {
  return firstOf(codes, ({ cause }) => cause);
}

/** Numbers come after sentences: two providers may mean different things by one. */
function byNumber({ layers }: Evidence): Verdict | undefined {
  return firstOf(layers, ({ codes, object }) =>
    object !== undefined && 'status_msg' in object
      ? numberVerdict('base_resp', String(object.status_code))
      : firstOf(codes, (code) => numberVerdict('error', code)),
  );
}

function byGoogle({ layers, text }: Evidence): Verdict | undefined {
  return googleVerdict(layers, text);
}

function byFinish({ roots, status, text, form }: Evidence): Verdict | undefined {
  if (status !== undefined && status >= 400) return undefined;
  if (form === 'text') return spokenFinishVerdict(text);
  return hasError(roots) ? undefined : firstOf(roots.toReversed(), finishVerdict);
}

/** A few statuses have one meaning only, whatever is said beside them. */
function byTellingStatus({ status }: Evidence): Verdict | undefined {
  return status === undefined ? undefined : tellingVerdict(status);
}

function byProse({ form, text, status }: Evidence): Verdict | undefined {
  return form === 'html' && !text.includes('error code') ? undefined : proseVerdict(text, status);
}

function byVagueCode({ codes, status }: Evidence): Verdict | undefined {
  const outranked = status !== undefined && status >= 400 && ![400, 404, 429, 500].includes(status);
  return outranked ? undefined : firstOf(codes, ({ hint }) => hint);
}

function byStatus({ status, roots }: Evidence): Verdict | undefined {
  const known = status === undefined ? undefined : statusVerdict(status);
  if (known !== undefined) return known;
  return hasError(roots) ? unknownFailure : undefined;
}

function firstOf<T>(values: readonly T[], read: (value: T) => Verdict | undefined): Verdict | undefined {
  for (const value of values) {
    const found = read(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A success on the wire with a failure inside. */
function hasError(roots: readonly unknown[]): boolean {
  return roots.some((root) => {
    const outer = Array.isArray(root) ? (root[0] as unknown) : root;
    return [outer, member(outer, 'response')].some(
      (value) => Boolean(member(value, 'error')) || member(value, 'type') === 'error',
    );
  });
}

const clientOrigin: ReadonlySet<ErrorType> = new Set([
  'invalid_input',
  'validation_error',
  'context_length_exceeded',
  'content_filtered',
  'cancelled',
]);
/** Statuses of a bad request that a client understands better than a 400. */
const tellingStatuses: ReadonlySet<number> = new Set([405, 413, 415, 422]);
const maxDiagnostics = 8 * 1024;

function toError(input: ClassifyInput, evidence: Evidence, { type, retryable }: Verdict): ModelError {
  const { outerStatus: status } = evidence;
  const wait = statedWait(evidence, type);
  const message = safeMessage(evidence, type);
  const options: Mutable<ModelErrorOptions> = {
    details: statedDetails(evidence, type),
    isRetryable: isRetryable(evidence, type, retryable, wait),
    origin: clientOrigin.has(type) ? 'client' : 'upstream',
    diagnostics: { status, body: typeof input.body === 'string' ? input.body.slice(0, maxDiagnostics) : undefined },
  };
  if (message !== '') options.message = message;
  if (wait !== undefined) options.retryAfterMs = wait;
  if (input.error !== undefined) options.cause = input.error;
  if (type === 'invalid_input' && status !== undefined && tellingStatuses.has(status)) options.status = status;
  return createError(type, options);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function statedDetails(evidence: Evidence, type: ErrorType): Record<string, unknown> {
  const details: Record<string, unknown> = {};
  const { limit, requested } = statedNumbers(evidence, type);
  if (evidence.outerStatus !== undefined) details.status = evidence.outerStatus;
  if (requested !== undefined) details.input_length = requested;
  if (limit !== undefined) details.max_length = limit;
  return details;
}

/** The server's own word first, then the evidence's, then the table's. */
function isRetryable(
  { header, text }: Evidence,
  type: ErrorType,
  retryable: boolean | undefined,
  wait: number | undefined,
): boolean {
  const told = header('x-should-retry') ?? header('x-fal-retryable');
  if (told === 'true' || told === 'false') return told === 'true';
  if (retryable !== undefined) return retryable;
  if (type !== 'rate_limited') return errorFacts[type].retryable;
  return !isTooLarge(text) && (wait !== undefined || !isDaily(text));
}

/** Headers are made for it; of a body's field and its sentence, which may disagree, the longer counts. */
function statedWait({ header, layers, text, thrown }: Evidence, type: ErrorType): number | undefined {
  const inHeaders = waitInHeaders(header);
  if (inHeaders !== undefined) return inHeaders;
  const spoken = thrown.length === 0 ? text : plain(`${text} ${thrown.map(({ message }) => message).join(' ')}`);
  let inBody = waitInProse(spoken);
  for (const { waitMs } of layers) inBody = longest(inBody, waitMs);
  return inBody ?? (type === 'rate_limited' ? waitInLimitHeaders(header) : undefined);
}

const withNumbers: ReadonlySet<ErrorType> = new Set(['context_length_exceeded', 'rate_limited', 'invalid_input']);

/** A rate limit's numbers are context numbers only where one request is too large for it. */
function statedNumbers({ layers, text }: Evidence, type: ErrorType): ContextNumbers {
  if (!withNumbers.has(type) || (type === 'rate_limited' && !isTooLarge(text))) return {};
  for (const { object } of layers) {
    const fields = contextFields(object);
    if (fields.limit !== undefined) return fields;
  }
  return contextNumbers(text);
}

/** Only of a fault that the caller, or whoever runs the service, can do something about; else the table's sentence. */
function safeMessage({ layers, form, thrown }: Evidence, type: ErrorType): string {
  if (errorFacts[type].http >= 500 || form === 'html' || type === 'cancelled') return '';
  if (thrown.length > 0 && form !== 'json') return '';
  const sentence = layers.find(({ message }) => message !== undefined && message.length > 3)?.message;
  return sentence === undefined ? '' : redact(sentence);
}
