/**
 * Server-sent events as model services really send them, read under limits.
 *
 * Source: WHATWG HTML, § 9.2 "Server-sent events". Three differences on purpose: a last event without its blank line
 * is delivered too; a line of bare JSON, which is how Chutes reports an error in a running stream, is an event of its
 * own where the standard ignores it; and `retry` and the last event id are not kept, since nothing here reconnects.
 */
import { assertPositive, withDefaults } from '../call/options.js';
import { InvalidResponseError } from '../errors/upstream-errors.js';

/** One event of a stream. */
export interface ServerSentEvent {
  /** Undefined where the server named none. */
  readonly event?: string | undefined;
  readonly data: string;
  /** The id of this event itself; an id does not carry over, since nothing here reconnects. */
  readonly id?: string | undefined;
}

/** Options of `readEvents()`. */
export interface ReadEventsOptions {
  /** How much one event may hold, counted in UTF-16 units: never stricter than bytes. Default: 1 MiB. */
  readonly maxEventSize?: number | undefined;
}

/** The defaults of `readEvents()`. */
export const readEventsDefaults = { maxEventSize: 2 ** 20 } satisfies ReadEventsOptions;

/**
 * The events of a body, as they arrive. Comments and unknown fields are dropped. A reader that leaves early cancels
 * the body.
 *
 * @throws InvalidResponseError when an event outgrows `maxEventSize`, and whatever the body throws.
 */
export async function* readEvents(
  body: AsyncIterable<Uint8Array>,
  options: ReadEventsOptions = {},
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const { maxEventSize } = withDefaults(readEventsDefaults, options);
  assertPositive('maxEventSize', maxEventSize);
  const parser = new EventParser(maxEventSize);
  for await (const chunk of body) yield* parser.push(chunk);
  yield* parser.end();
}

/** The line-by-line state between two chunks. */
export class EventParser {
  /** Drops the byte order mark, and keeps split characters for the next chunk. */
  private readonly decoder = new TextDecoder();
  private readonly maxEventSize: number;
  /** The beginning of a line whose end has not arrived. */
  private rest = '';
  /** The chunk before ended in CR, so that LF at the start of this one belongs to it. */
  private afterReturn = false;
  private data: string | undefined = undefined;
  private event: string | undefined = undefined;
  private id: string | undefined = undefined;
  private ready: ServerSentEvent[] = [];

  constructor(maxEventSize: number = readEventsDefaults.maxEventSize) {
    this.maxEventSize = maxEventSize;
  }

  /** The events that this chunk completes. */
  push(chunk: Uint8Array): ServerSentEvent[] {
    return this.read(this.decoder.decode(chunk, { stream: true }));
  }

  /** The event that the end completes. */
  end(): ServerSentEvent[] {
    const events = this.read(this.decoder.decode());
    if (this.rest !== '') this.line(this.rest);
    this.dispatch();
    return events;
  }

  private read(chunk: string): ServerSentEvent[] {
    this.ready = [];
    if (chunk === '') return this.ready;
    let from = this.afterReturn && chunk.startsWith('\n') ? 1 : 0;
    this.afterReturn = false;
    let feed = chunk.indexOf('\n', from);
    let carriage = chunk.indexOf('\r', from);
    while (feed !== -1 || carriage !== -1) {
      const end = carriage === -1 || (feed !== -1 && feed < carriage) ? feed : carriage;
      this.line(this.rest + chunk.slice(from, end));
      this.rest = '';
      from = end + 1;
      if (end === carriage) {
        if (from === chunk.length) this.afterReturn = true;
        else if (from === feed) from += 1;
        carriage = chunk.indexOf('\r', from);
      }
      if (feed !== -1 && feed < from) feed = chunk.indexOf('\n', from);
    }
    this.rest += chunk.slice(from);
    this.checkSize(this.rest.length);
    return this.ready;
  }

  private line(line: string): void {
    this.checkSize(line.length);
    if (line === '') return this.dispatch();
    if (line.startsWith('{')) return this.bareJson(line);
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.data = this.data === undefined ? value : `${this.data}\n${value}`;
    else if (field === 'event') this.event = value === '' ? undefined : value;
    else if (field === 'id' && !value.includes('\0')) this.id = value;
  }

  /** Delivered at once: nothing promises that a blank line stands before or after it. */
  private bareJson(line: string): void {
    this.dispatch();
    this.ready.push({ data: line });
  }

  private dispatch(): void {
    const { data, event, id } = this;
    this.data = undefined;
    this.event = undefined;
    this.id = undefined;
    if (data !== undefined) this.ready.push({ event, data, id });
  }

  private checkSize(more: number): void {
    if ((this.data?.length ?? 0) + more <= this.maxEventSize) return;
    throw new InvalidResponseError('The model service sent an event that is too large', {
      details: { max_event_size: this.maxEventSize },
    });
  }
}
