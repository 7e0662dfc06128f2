import type { CallScope } from '../call/call.js';
import type { ModelError } from '../errors/model-error.js';
import { CancelledError } from '../errors/rejections.js';
import { InvalidResponseError, StreamInterruptedError } from '../errors/upstream-errors.js';
import { classify } from './classify/classify.js';
import { type ContentLimits, within } from './content-limits.js';
import { readEvents, type ServerSentEvent } from './event-stream.js';
import { type EventMeaning, eventMeaning } from './fetch-dialects.js';

/** An event that is longer than this is handed on in pieces. Images travel in events too. */
const maxEventBytes = 16 * 2 ** 20;
/** What comes before the first content is kept back up to here. */
const maxKeptBackBytes = 2 ** 20;
/** The end of a stream is told by its last events: so much of it is kept in mind. */
const rememberedBytes = 4 * 2 ** 10;
/** How long a stream may stay open after its own end marker. */
const afterEndMs = 1_000;

const saidNothing = 'The model service ended its answer before it had said anything';
const nothing = new Uint8Array();
const [lineFeed, carriageReturn, colon] = [10, 13, 58];

/**
 * The events of an answer, as the bytes that came, in whole events. Nothing is decoded between the first content and
 * the end; what is half an event when the connection breaks is never handed on, so that an error can follow.
 *
 * Aborting `scope` ends it, and the request with it.
 */
export class EventAnswer implements AsyncIterableIterator<Uint8Array> {
  readonly response: Response;
  readonly scope: CallScope;
  private readonly limits: ContentLimits;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly head: Uint8Array[] = [];
  /** The latest events. */
  private recent: Uint8Array[] = [];
  /** The beginning of an event whose end has not arrived. */
  private rest: Uint8Array = nothing;
  private phase: 'first_content' | 'gap' | 'after_end' | 'over' = 'first_content';
  /** What is left of the limit of this phase, in milliseconds. */
  private leftMs: number;

  constructor(response: Response, body: ReadableStream<Uint8Array>, limits: ContentLimits, scope: CallScope) {
    this.response = response;
    this.reader = body.getReader();
    this.limits = limits;
    this.scope = scope;
    this.leftMs = limits.firstContentMs;
  }

  /**
   * Reads up to the first content, and keeps it.
   *
   * @throws ModelError: what an error in place of content means, InvalidResponseError for an end in its place,
   * InferenceTimeoutError when it does not come in time, and what the network's failure means.
   */
  async open(): Promise<this> {
    let keptBack = 0;
    while (this.phase === 'first_content') {
      const events = await this.read();
      if (events === undefined) break;
      this.head.push(events);
      keptBack += events.byteLength;
      if ((await this.hasBegun(events)) || keptBack > maxKeptBackBytes) this.enter('gap');
    }
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const value = this.head.shift() ?? (await this.read());
    return value === undefined ? { done: true, value } : { done: false, value };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.phase !== 'over') {
      this.scope.abort(new CancelledError());
      this.end();
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next whole events; undefined after the last. */
  private async read(): Promise<Uint8Array | undefined> {
    while (this.phase !== 'over') {
      const chunk = await this.chunk();
      if (chunk === undefined) return this.last();
      const known = this.rest.byteLength;
      const bytes = known === 0 ? chunk : joined(this.rest, chunk);
      const end = bytes.byteLength > maxEventBytes ? bytes.byteLength : endOfEvents(bytes, known);
      this.rest = bytes.subarray(end);
      if (end > 0) return this.whole(bytes.subarray(0, end));
    }
    return undefined;
  }

  /** Undefined at the end of the body, however it came. @throws what broke it off too early. */
  private async chunk(): Promise<Uint8Array | undefined> {
    const { clock } = this.scope.runtime;
    const phase = this.phase === 'first_content' ? this.phase : 'gap';
    const ms = phase === 'gap' ? this.limits.gapMs : this.limits.firstContentMs;
    const before = clock.now();
    try {
      const step = await within({ phase, ms, leftMs: this.leftMs }, this.reader.read(), this.scope);
      this.leftMs -= clock.now() - before;
      return step.done ? undefined : step.value;
    } catch (error) {
      const ending = this.phase === 'after_end' ? 'ended' : await this.ending();
      if (ending === 'ended' && !this.scope.cancelled) return undefined;
      const failure = this.scope.aborted ? this.scope.reason : this.interrupted(classify({ error }));
      this.end();
      // Nobody knows how an error would be said in a foreign dialect.
      throw ending === 'foreign' && this.phase !== 'first_content' ? error : failure;
    }
  }

  private whole(events: Uint8Array): Uint8Array {
    this.recent.push(events);
    let later = this.recent.reduce((sum, { byteLength }) => sum + byteLength, 0);
    for (let first = this.recent[0]; first !== undefined; first = this.recent[0]) {
      later -= first.byteLength;
      if (later < rememberedBytes) break;
      this.recent.shift();
    }
    if (this.phase === 'gap' && endsInDone(events)) this.enter('after_end');
    else if (this.phase === 'gap' && !isComment(events)) this.enter('gap');
    return events;
  }

  /** The body has ended. */
  private async last(): Promise<Uint8Array | undefined> {
    const { rest, phase } = this;
    const ending = phase === 'after_end' ? 'ended' : await this.ending();
    const failure = ending === 'cut' ? await this.cause() : undefined;
    this.end();
    if (failure !== undefined) throw failure;
    if (rest.byteLength === 0 || (ending === 'ended' && (await meaningsIn([rest])).includes('foreign')))
      return undefined;
    // An event without its blank line is one all the same, but not every reader thinks so.
    return joined(rest, new Uint8Array([lineFeed, lineFeed]));
  }

  /** Has the stream said that it is over? In a dialect that nobody knows, that cannot be told. */
  private async ending(): Promise<'ended' | 'cut' | 'foreign'> {
    const meanings = await meaningsIn([...this.recent, this.rest]);
    if (meanings.includes('failure')) return 'cut';
    if (meanings.includes('end')) return 'ended';
    return meanings.at(-1) === 'foreign' && !meanings.includes('content') ? 'foreign' : 'cut';
  }

  /** Why a stream has ended too early. */
  private async cause(): Promise<ModelError> {
    const events = await eventsIn([...this.recent, this.rest]);
    const failure = events.findLast((event) => eventMeaning(event) === 'failure');
    if (failure !== undefined) return this.interrupted(this.meaning(failure));
    return this.phase === 'first_content' ? new InvalidResponseError(saidNothing) : new StreamInterruptedError();
  }

  /** Before the first content the cause is all there is to tell. */
  private interrupted(cause: ModelError): ModelError {
    if (this.phase === 'first_content') return cause;
    const { isRetryable, retryAfterMs } = cause;
    return new StreamInterruptedError(undefined, {
      cause,
      isRetryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }

  /** @throws ModelError where an error stands in place of the content. */
  private async hasBegun(bytes: Uint8Array): Promise<boolean> {
    for (const event of await eventsIn([bytes])) {
      const meaning = eventMeaning(event);
      if (meaning === 'failure') throw this.meaning(event);
      if (meaning !== 'prelude') return true;
    }
    return false;
  }

  private meaning({ data }: ServerSentEvent): ModelError {
    const { status, headers } = this.response;
    return classify({ status, headers, body: data });
  }

  private enter(phase: 'gap' | 'after_end'): void {
    this.phase = phase;
    this.leftMs = phase === 'gap' ? this.limits.gapMs : afterEndMs;
  }

  private end(): void {
    this.phase = 'over';
    this.rest = nothing;
    this.scope.release();
    // A body that broke refuses to be cancelled, and its reader knows already.
    this.reader.cancel().catch(() => undefined);
  }
}

async function meaningsIn(chunks: readonly Uint8Array[]): Promise<EventMeaning[]> {
  return (await eventsIn(chunks)).map((event) => eventMeaning(event));
}

async function eventsIn(chunks: readonly Uint8Array[]): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  async function* source(): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }
  for await (const event of readEvents(source(), { maxEventSize: 2 * maxEventBytes })) events.push(event);
  return events;
}

/** Where the last whole event ends; 0 where none does. What lies before `known` has been looked at. */
function endOfEvents(bytes: Uint8Array, known: number): number {
  for (let at = bytes.byteLength - 1; at >= Math.max(1, known); at -= 1) {
    const before = bytes[at] === lineFeed && bytes[at - 1] === carriageReturn ? at - 2 : at - 1;
    if (isLineEnd(bytes[at]) && isLineEnd(bytes[before])) return at + 1;
  }
  return 0;
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === lineFeed || byte === carriageReturn;
}

/** A comment keeps a connection open and says nothing. */
function isComment(events: Uint8Array): boolean {
  return events[0] === colon && !/^data/m.test(new TextDecoder().decode(events));
}

function endsInDone(events: Uint8Array): boolean {
  return /\[DONE\]\s*$/.test(new TextDecoder().decode(events.subarray(-16)));
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.byteLength + other.byteLength);
  both.set(one);
  both.set(other, one.byteLength);
  return both;
}
