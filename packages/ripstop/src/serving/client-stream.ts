/** A streamed answer, item by item. */
import { ModelError } from '../errors/model-error.js';
import { StreamInterruptedError } from '../errors/upstream-errors.js';
import { readEvents } from '../models/event-stream.js';
import { chunks } from '../models/http-transport.js';
import { readEnvelope } from '../models/own-envelope.js';

/**
 * The items of an SSE or NDJSON body. A reader that stops early ends the request.
 *
 * @throws the error of the stream's error frame; StreamInterruptedError when it breaks off without one; the reason of
 * `signal` when that is why.
 */
export async function* itemsOf(response: Response, signal: AbortSignal | undefined): AsyncGenerator {
  const correlationId = response.headers.get('x-correlation-id') ?? undefined;
  const type = response.headers.get('content-type') ?? '';
  const body = chunks(response.body);
  try {
    for await (const text of type.includes('ndjson') ? lines(body) : events(body)) {
      const item: unknown = JSON.parse(text);
      const failure = readEnvelope(item);
      if (failure !== undefined) throw failure;
      yield item;
    }
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    const meant = ModelError.isInstance(error) ? error : new StreamInterruptedError(undefined, { cause: error });
    meant.correlationId ??= correlationId;
    throw meant;
  }
}

/** OpenAI's streams end in a word of their own. */
async function* events(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  for await (const { data } of readEvents(body)) {
    if (data === '[DONE]') return;
    yield data;
  }
}

async function* lines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const utf8 = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const parts = (rest + utf8.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() as string;
    for (const line of parts) if (line.trim() !== '') yield line;
  }
  if (rest.trim() !== '') yield rest;
}

/** Is the answer a stream? */
export function isStreamed(response: Response): boolean {
  return /^\s*(?:text\/event-stream|application\/x-ndjson)\b/i.test(response.headers.get('content-type') ?? '');
}
