import { createParser, type EventSourceMessage } from 'eventsource-parser';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readEvents, type ServerSentEvent } from './event-stream.js';

const encoder = new TextEncoder();

async function* chunks(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? encoder.encode(part) : part;
}

async function collect(body: AsyncIterable<Uint8Array>, maxEventSize?: number): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  for await (const event of readEvents(body, { maxEventSize })) events.push(event);
  return events;
}

const data = (events: readonly ServerSentEvent[]): string[] => events.map((event) => event.data);

test('events are read with their name and id, over LF, CR and CRLF', async () => {
  const text = 'event: error\nid: 7\ndata: a\n\ndata: b\r\rdata: c\r\n\r\n';
  expect(await collect(chunks(text))).toEqual([
    { event: 'error', id: '7', data: 'a' },
    { event: undefined, id: undefined, data: 'b' },
    { event: undefined, id: undefined, data: 'c' },
  ]);
});

test('only one space after the colon belongs to the protocol, and none is needed', async () => {
  expect(data(await collect(chunks('data:{"a":1}\n\ndata:  two\n\n')))).toEqual(['{"a":1}', ' two']);
});

test('several data lines are one event', async () => {
  expect(data(await collect(chunks('data: a\ndata:\ndata: b\n\n')))).toEqual(['a\n\nb']);
});

test('comments, unknown fields and blank lines are no events', async () => {
  expect(await collect(chunks(': keep-alive\n\n: ping\n\nretry: 5\nwhatever\n\n\n'))).toEqual([]);
});

test('a byte order mark at the start is dropped', async () => {
  expect(data(await collect(chunks(Uint8Array.of(0xef, 0xbb), Uint8Array.of(0xbf), 'data: a\n\n')))).toEqual(['a']);
});

test('a character split over chunks arrives whole', async () => {
  const bytes = encoder.encode('data: né 🙂 你\n\n');
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    expect(data(await collect(chunks(bytes.subarray(0, cut), bytes.subarray(cut))))).toEqual(['né 🙂 你']);
  }
});

test('the last event counts without its blank line, too', async () => {
  expect(data(await collect(chunks('data: a\n\ndata: [DONE]')))).toEqual(['a', '[DONE]']);
});

test('a line of bare JSON is an event of its own, wherever it stands', async () => {
  const error = '{"error":"infra_overload","detail":"no capacity"}';
  expect(data(await collect(chunks(`data: a\n\n${error}`)))).toEqual(['a', error]);
  expect(data(await collect(chunks(`data: a\n${error}\ndata: b\n\n`)))).toEqual(['a', error, 'b']);
});

test('an event beyond the limit is an invalid response, whether in one line, in many, or never ended', async () => {
  const tooLarge = { errorType: 'invalid_response', details: { max_event_size: 100 } };
  await expect(collect(chunks(`data: ${'x'.repeat(200)}\n\n`), 100)).rejects.toMatchObject(tooLarge);
  await expect(collect(chunks(...Array<string>(30).fill('data: xxxx\n')), 100)).rejects.toMatchObject(tooLarge);
  await expect(collect(chunks(...Array<string>(30).fill('xxxx')), 100)).rejects.toMatchObject(tooLarge);
  expect(data(await collect(chunks(...Array<string>(30).fill('data: xxxx\n\n')), 100))).toHaveLength(30);
});

test('the limit of an event is one MiB by default', async () => {
  const most = 'x'.repeat(2 ** 20 - 'data: '.length);
  expect(data(await collect(chunks(`data: ${most}\n\n`)))).toEqual([most]);
  await expect(collect(chunks(`data: ${most}x\n\n`))).rejects.toMatchObject({ errorType: 'invalid_response' });
});

test('a bad limit is refused', async () => {
  await expect(collect(chunks(''), 0)).rejects.toThrow(new RangeError('maxEventSize must be above 0, got 0'));
});

test('a reader that leaves cancels the body', async () => {
  let cancelled = false;
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield encoder.encode('data: a\n\n');
    } finally {
      cancelled = true;
    }
  }
  for await (const event of readEvents(body())) {
    expect(event.data).toBe('a');
    break;
  }
  expect(cancelled).toBe(true);
});

test('a body that breaks is passed on as it broke, after the events before it', async () => {
  const broken = new TypeError('terminated');
  async function* body(): AsyncGenerator<Uint8Array> {
    yield encoder.encode('data: a\n\ndata: b');
    throw broken;
  }
  const seen: string[] = [];
  const reading = (async () => {
    for await (const event of readEvents(body())) seen.push(event.data);
  })();
  await expect(reading).rejects.toBe(broken);
  expect(seen).toEqual(['a']);
});

/** Lines that lead somewhere, lines that lead nowhere, and every line end; never bare JSON, where we differ. */
const line = fc.oneof(
  { weight: 5, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => `data: ${text}`) },
  { weight: 2, arbitrary: fc.string({ maxLength: 12 }).map((text) => `data:${text}`) },
  fc.string({ maxLength: 6 }).map((text) => `event: ${text}`),
  fc.string({ maxLength: 6 }).map((text) => `id: ${text}`),
  fc.string({ maxLength: 12 }).map((text) => `:${text}`),
  fc.constantFrom('', '', '', 'data', 'data:', 'id', 'event', 'retry: 10', ' data: a', 'DATA: a'),
  fc.string({ maxLength: 12 }),
);
const ending = fc.constantFrom('\n', '\r\n', '\r');
const body = fc
  .array(fc.tuple(line, ending), { maxLength: 20 })
  .map((lines) => lines.map(([text, end]) => text.replaceAll(/[\r\n]/g, '') + end).join(''))
  .filter((text) => !/(?:^|[\r\n])\{/.test(text));

test('any body, cut anywhere, reads as another reader of the standard reads it whole', async () => {
  await fc.assert(
    fc.asyncProperty(body, fc.array(fc.nat({ max: 400 }), { maxLength: 6 }), async (text, cuts) => {
      const ended = `${text}\n\n`;
      const expected: EventSourceMessage[] = [];
      createParser({ onEvent: (event) => expected.push(event) }).feed(ended);

      const bytes = encoder.encode(ended);
      const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
      const parts = places.slice(1).map((end, index) => bytes.subarray(places[index], end));

      const plain = (events: readonly EventSourceMessage[]): unknown =>
        events.map(({ event, id, data }) => [event, id, data]);
      expect(plain(await collect(chunks(...parts)))).toEqual(plain(expected));
    }),
    { numRuns: 2_000 },
  );
});

test('nothing that a server sends makes the reader throw anything but its own error', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 8 }), async (parts) => {
      const outcome = await collect(chunks(...parts), 64).catch((error: unknown) => error);
      if (!Array.isArray(outcome)) expect(outcome).toMatchObject({ errorType: 'invalid_response' });
      else expect(outcome.every((event: ServerSentEvent) => event.data.length <= 64)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});
