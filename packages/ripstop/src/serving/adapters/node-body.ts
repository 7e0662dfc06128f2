/** The body of a request of `node:http`. */
import type { IncomingMessage } from 'node:http';
import { keptSurroundings, type KeptSurroundings } from '../../call/async-storage.js';
import { type Clock, startTimer, stopTimer, type Timed } from '../../call/runtime.js';
import type { ModelError } from '../../errors/model-error.js';
import { type BodyReader, bodyTooLarge } from '../exchange.js';

/** How far it is read, how long it may take, and what to do when that is over. */
export interface NodeBodyLimits {
  readonly limitBytes: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly tooSlow: (limitMs: number) => void;
}

/** Read once, and told to all who ask. Its own entry among the timers, so that its time limit costs no object more. */
export class NodeBody implements Timed {
  lane: Timed['lane'] = undefined;
  at = 0;
  previous: Timed | undefined = undefined;
  next: Timed | undefined = undefined;
  private readonly request: IncomingMessage;
  private readonly limits: NodeBodyLimits;
  private readonly reader: BodyReader;
  private readonly surroundings: KeptSurroundings = keptSurroundings();
  private others: BodyReader[] | undefined = undefined;
  private chunks: Uint8Array[] = [];
  private length = 0;
  private readonly keep = (chunk: Uint8Array): void => this.taken(chunk);
  private readonly end = (): void => this.arrived();
  private outcome: { readonly body: Uint8Array } | { readonly error: ModelError } | undefined = undefined;

  constructor(request: IncomingMessage, reader: BodyReader, limits: NodeBodyLimits) {
    this.request = request;
    this.reader = reader;
    this.limits = limits;
    startTimer(this, limits.timeoutMs, limits.clock);
    request.on('data', this.keep).on('end', this.end);
  }

  /** Tells one more. */
  read(reader: BodyReader): void {
    const { outcome } = this;
    if (outcome === undefined) (this.others ??= []).push(reader);
    else if ('body' in outcome) reader.arrived(outcome.body);
    else reader.broke(outcome.error);
  }

  /** What is still to come is not waited for. Nothing, once it has arrived. */
  fail(error: ModelError): void {
    if (this.outcome !== undefined) return;
    this.outcome = { error };
    this.over();
    // The rest stays in the kernel until the answer is out: nobody's memory grows.
    this.request.pause();
    this.tell((reader) => reader.broke(error));
  }

  due(): void {
    if (this.outcome === undefined) this.limits.tooSlow(this.limits.timeoutMs);
  }

  private taken(chunk: Uint8Array): void {
    const { limitBytes } = this.limits;
    this.length += chunk.length;
    if (this.length > limitBytes) this.fail(bodyTooLarge(limitBytes));
    else this.chunks.push(chunk);
  }

  private arrived(): void {
    const { chunks } = this;
    const body = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, this.length);
    this.outcome = { body };
    this.over();
    this.tell((reader) => reader.arrived(body));
  }

  /** Its listeners and pieces would be kept for as long as its answer takes. */
  private over(): void {
    stopTimer(this);
    this.chunks = [];
    this.request.off('data', this.keep).off('end', this.end);
  }

  private tell(news: (reader: BodyReader) => void): void {
    this.surroundings.runInAsyncScope(news, undefined, this.reader);
    if (this.others !== undefined) for (const reader of this.others) news(reader);
    this.others = undefined;
  }
}
