/** Bodies of answers, handed on as they come: the reader asks, and nothing is read ahead. */
import type { CallScope } from '../call/call.js';
import { ModelError } from '../errors/model-error.js';
import { CancelledError } from '../errors/rejections.js';
import { classify } from './classify/classify.js';
import { within } from './content-limits.js';
import type { EventAnswer } from './event-answer.js';
import { errorEvent, remade } from './fetch-failure.js';
import { asChunk, parseJson, readCompletion } from './openai-wire.js';

/** How an answer begins that is none: OpenRouter, for one, sends errors with status 200. */
const errorBeginning = /^\s*\{\s*"error"\s*:/;
/** An error is no longer than this. */
const maxErrorBytes = 64 * 2 ** 10;

/**
 * An answer in one piece. Of JSON, the first piece is looked at, and the rest only if it begins like an error.
 *
 * @throws ModelError for an error with the status of a success.
 */
export async function openWhole(response: Response, gapMs: number, scope: CallScope): Promise<Response> {
  const reader = response.body?.getReader();
  if (reader === undefined) {
    scope.release();
    return response;
  }
  const read = (): Promise<Chunk> => within({ phase: 'gap', ms: gapMs }, reader.read(), scope);
  if (!isOfType(response, 'application/json')) return passedOn(response, [], reader, read, scope);
  const steps = [await read()];
  let text = textOf(steps);
  while (errorBeginning.test(text) && steps.at(-1)?.done === false && text.length < maxErrorBytes) {
    steps.push(await read());
    text = textOf(steps);
  }
  const { status, headers } = response;
  if (errorBeginning.test(text) && Boolean(parseJson(text)?.['error'])) throw classify({ status, headers, body: text });
  return passedOn(response, steps, reader, read, scope);
}

/** A whole completion where a stream was asked for, as the events that say the same; anything else as it is. */
export async function asEvents(response: Response): Promise<Response> {
  const text = await response.text();
  const completion = readCompletion(text)?.raw;
  if (completion === undefined) return remade(response, text);
  const headers = new Headers(response.headers);
  for (const name of ['content-length', 'content-encoding']) headers.delete(name);
  headers.set('content-type', 'text/event-stream');
  return remade(response, `data: ${JSON.stringify(asChunk(completion))}\n\ndata: [DONE]\n\n`, headers);
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;
type Chunk = Awaited<ReturnType<Reader['read']>>;

/** The answer with its own bytes. It belongs to `scope` until it has been read, left, or aborted. */
function passedOn(
  response: Response,
  steps: Chunk[],
  reader: Reader,
  read: () => Promise<Chunk>,
  scope: CallScope,
): Response {
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const step = steps.shift() ?? (await read());
        if (!step.done) return controller.enqueue(step.value);
        scope.release();
        controller.close();
      },
      async cancel(reason) {
        await reader.cancel(reason);
        scope.abort(new CancelledError());
      },
    },
    { highWaterMark: 0 },
  );
  return remade(response, body);
}

/** Does the answer say that it is of this type, in lower case, with whatever parameters? */
export function isOfType({ headers }: Response, type: string): boolean {
  const [stated = ''] = (headers.get('content-type') ?? '').split(';', 1);
  return stated.trim().toLowerCase() === type;
}

function textOf(steps: readonly Chunk[]): string {
  const decoder = new TextDecoder();
  return steps.map(({ value }) => decoder.decode(value, { stream: true })).join('');
}

/** The events as an answer. What breaks them off ends them with an event that tells so; a caller's abort is none. */
export function streamed(answer: EventAnswer): Response {
  const { response, scope } = answer;
  const events = answer[Symbol.asyncIterator]();
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        scope.onAbort((reason) => {
          if (!scope.cancelled) return;
          controller.error(reason);
          void events.return?.();
        });
      },
      async pull(controller) {
        try {
          const step = await events.next();
          if (step.done) controller.close();
          else controller.enqueue(step.value);
        } catch (error) {
          if (!ModelError.isInstance(error)) return controller.error(error);
          controller.enqueue(errorEvent(error));
          controller.close();
        }
      },
      async cancel() {
        scope.abort(new CancelledError());
        await events.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  return remade(response, body);
}
