/** Every way in which the misbehaving upstream can answer, by name. */
import { chatAnswer, chatChunk, type UpstreamAnswer, type UpstreamFrame } from 'ripstop/testing';
import { type ChaosCall, finish, goodAnswer, otherWords, partOfAnswer, streamOf, wordsOf } from './answers.js';
import { errorAnswer, htmlAnswer, knownErrors, statusAnswer, textAnswer } from './error-answers.js';

/** What may follow a fault's name: `first-token-after=20s`, `cut-after=40`, `status=503`. */
export type FaultValue = 'none' | 'duration' | 'words' | 'status';

export interface Fault {
  /** One line for `--help`. */
  readonly what: string;
  readonly value: FaultValue;
  /** Where none is given: milliseconds, words or a status. 0 where the fault has no value. */
  readonly usual: number;
  answer(call: ChaosCall, value: number): UpstreamAnswer;
}

function plain(what: string, answer: (call: ChaosCall) => UpstreamAnswer): Fault {
  return { what, value: 'none', usual: 0, answer };
}

function timed(what: string, usual: number, answer: Fault['answer']): Fault {
  return { what, value: 'duration', usual, answer };
}

/** Spoils a stream after so many words; a JSON answer breaks in its middle, or is what `whole` makes of it. */
function afterWords(
  what: string,
  usual: number,
  spoil: (
    said: string[],
    call: ChaosCall,
    rest: string[],
  ) => { frames: UpstreamFrame[]; end?: 'cut' | 'reset' | 'hang' },
  whole: (call: ChaosCall) => UpstreamAnswer,
): Fault {
  return {
    what,
    value: 'words',
    usual,
    answer(call, count) {
      if (!call.stream) return whole(call);
      const words = wordsOf(call);
      return { kind: 'sse', ...spoil(words.slice(0, count), call, words.slice(count)) };
    },
  };
}

const badFrame = 'data: {"id":"chatcmpl-1","choices":[{"delta":{"content":\n\n';
const brokenOff = { error: { message: 'The model failed while it was generating', type: 'server_error', code: 500 } };

const statuses: Readonly<Record<string, Fault>> = {
  status: {
    what: 'an error of that status; a bare number says the same: 503',
    value: 'status',
    usual: 503,
    answer: (_, status) => statusAnswer(status),
  },
  'rate-limit': timed('429 with Retry-After in seconds', 2_000, (_, ms) =>
    statusAnswer(429, { 'retry-after': String(Math.ceil(ms / 1_000)) }),
  ),
  'rate-limit-date': timed('429 with Retry-After as a date', 2_000, ({ at }, ms) =>
    statusAnswer(429, { date: at.toUTCString(), 'retry-after': new Date(at.getTime() + ms).toUTCString() }),
  ),
  'at-capacity': plain('429 that speaks of capacity, with {detail} as Chutes sends it', knownErrors.atCapacity),
  quota: plain('429 with insufficient_quota', knownErrors.quota),
  loading: plain('503: the model is loading', knownErrors.loading),
  'context-overflow': plain('400: the input is too long', knownErrors.contextOverflow),
  'content-filter': plain('400: a filter has refused the prompt', knownErrors.contentFilter),
  'out-of-memory': plain('500 with the text of CUDA', knownErrors.outOfMemory),
  'tell-key': plain('401 that repeats the key it was called with', ({ authorization }) =>
    errorAnswer(401, { message: `Incorrect API key provided: ${authorization}`, code: 'invalid_api_key' }),
  ),
  'no-prefill': plain('400 when the last message is the assistant’s; else the answer', (call) =>
    call.prefill === '' ? goodAnswer(call) : knownErrors.noPrefill(),
  ),
};

const silences: Readonly<Record<string, Fault>> = {
  hang: plain('takes the request and never says a word', () => ({ kind: 'hang' })),
  silence: timed('nothing for so long, then the answer', 120_000, (call, delayMs) => {
    const answer = goodAnswer(call);
    return answer.kind === 'hang' || answer.kind === 'reset' ? answer : { ...answer, delayMs };
  }),
  'slow-body': timed('headers at once, the body later', 3_000, (call, bodyDelayMs) => {
    const answer = goodAnswer(call);
    if (answer.kind === 'json') return { ...answer, bodyDelayMs };
    return answer.kind === 'sse' ? { ...answer, frames: [bodyDelayMs, ...answer.frames] } : answer;
  }),
  'first-token-after': timed('headers and role at once, the first word later', 20_000, (call, ms) => {
    if (call.stream) return { kind: 'sse', frames: streamOf(call, [ms, ...wordsOf(call)], finish(60, call.model)) };
    return { kind: 'json', body: chatAnswer(wordsOf(call).join(''), { model: call.model }), bodyDelayMs: ms };
  }),
  'slow-words': timed('so long before every word', 50, (call, ms) => {
    const words = wordsOf(call);
    if (!call.stream) return { kind: 'json', body: chatAnswer(words.join('')), delayMs: ms * words.length };
    return {
      kind: 'sse',
      frames: streamOf(
        call,
        words.flatMap((word) => [ms, word]),
        finish(words.length, call.model),
      ),
    };
  }),
  flood: {
    what: 'so many words of a thousand letters, as fast as they can be sent',
    value: 'words',
    usual: 50_000,
    answer(call, count) {
      const words = Array.from({ length: count }, () => ` ${'word'.repeat(250)}`);
      return { kind: 'sse', frames: streamOf(call, words) };
    },
  },
  'silent-after': afterWords(
    'so many words, then silence on an open connection',
    20,
    (said, call) => ({ frames: streamOf(call, said, []), end: 'hang' }),
    (call) => partOfAnswer(call, 'hang'),
  ),
};

const connections: Readonly<Record<string, Fault>> = {
  reset: plain('a connection reset before any header', () => ({ kind: 'reset' })),
  'cut-after': afterWords(
    'so many words, then the connection is closed in mid-answer',
    40,
    (said, call) => ({ frames: streamOf(call, said, []), end: 'cut' }),
    (call) => partOfAnswer(call, 'cut'),
  ),
  'reset-after': afterWords(
    'so many words, then the connection is reset',
    40,
    (said, call) => ({ frames: streamOf(call, said, []), end: 'reset' }),
    (call) => partOfAnswer(call, 'reset'),
  ),
  'end-after': afterWords(
    'so many words, then a clean end without finish_reason',
    40,
    (said, call) => ({ frames: streamOf(call, said, []) }),
    (call) => partOfAnswer(call, 'close'),
  ),
};

const frames: Readonly<Record<string, Fault>> = {
  'bad-frame-at': afterWords(
    'one more frame that is no JSON, before that word; all words arrive',
    10,
    (said, call, rest) => ({ frames: [...streamOf(call, said, []), badFrame, ...streamOf(call, rest).slice(1)] }),
    () => textAnswer('{"id":"chatcmpl-1","choices":['),
  ),
  'bad-frames-at': afterWords(
    'three such frames in a row',
    10,
    (said, call, rest) => ({
      frames: [...streamOf(call, said, []), badFrame, badFrame, badFrame, ...streamOf(call, rest).slice(1)],
    }),
    () => textAnswer('{"id":"chatcmpl-1","choices":['),
  ),
  'no-done': plain('the whole answer, its finish and usage, and an end without [DONE]', (call) => {
    if (!call.stream) return goodAnswer(call);
    const words = wordsOf(call);
    return { kind: 'sse', frames: streamOf(call, words, finish(words.length, call.model).slice(0, -1)) };
  }),
  'never-ends': plain('the same, on a connection that stays open', (call) => {
    if (!call.stream) return goodAnswer(call);
    const words = wordsOf(call);
    return { kind: 'sse', frames: streamOf(call, words, finish(words.length, call.model).slice(0, -1)), end: 'hang' };
  }),
  'error-frame': plain('200 and an error as the first event', (call) =>
    call.stream ? { kind: 'sse', frames: [brokenOff] } : { kind: 'json', body: brokenOff },
  ),
  'error-frame-after': afterWords(
    'so many words, then an error frame',
    20,
    (said, call) => ({ frames: [...streamOf(call, said, []), brokenOff] }),
    () => ({ kind: 'json', body: brokenOff }),
  ),
  'bare-error-after': afterWords(
    'so many words, then an error as a line of bare JSON, as Chutes sends it',
    20,
    (said, call) => ({ frames: [...streamOf(call, said, []), `${JSON.stringify({ detail: 'upstream died' })}\n`] }),
    () => ({ kind: 'json', body: { detail: 'upstream died' } }),
  ),
};

const bodies: Readonly<Record<string, Fault>> = {
  'error-in-200': plain('200 with an error body, as OpenRouter sends it', () => ({
    kind: 'json',
    body: { error: { message: 'Provider returned error', code: 502 } },
  })),
  'bad-json': plain('200 with a body that is no JSON', () => textAnswer('{"choices": [}')),
  'truncated-json': plain('200 with a body that stops in its middle', (call) => partOfAnswer(call, 'close')),
  'empty-body': plain('200 with nothing', () => textAnswer('')),
  'empty-choices': plain('200 with an empty list of choices', (call) => {
    const choices: unknown[] = [];
    if (!call.stream) return { kind: 'json', body: chatAnswer('', { choices }) };
    return { kind: 'sse', frames: [{ ...chatChunk({}), choices }, 'data: [DONE]\n\n'] };
  }),
  html: plain('200 with an HTML page', () => htmlAnswer(200)),
  'html-error': plain('502 with an HTML page', () => htmlAnswer(502)),
  'filtered-finish': plain('200 that finished for content_filter and says nothing', (call) => {
    const choices = [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'content_filter' }];
    if (!call.stream) return { kind: 'json', body: chatAnswer('', { choices }) };
    return { kind: 'sse', frames: streamOf(call, [], finish(0, call.model, 'content_filter')) };
  }),
  'other-answer': plain('a good answer in other words', (call) => goodAnswer(call, otherWords)),
  'image-error': plain('400: the size of the image is not supported', () =>
    errorAnswer(400, { message: 'Invalid size: 4096x4096', type: 'image_generation_user_error', code: 'invalid_size' }),
  ),
};

/** All faults, in the order of the help. */
export const faults: Readonly<Record<string, Fault>> = {
  ok: plain('the answer, sixty words', (call) => goodAnswer(call)),
  ...statuses,
  ...silences,
  ...connections,
  ...frames,
  ...bodies,
};
