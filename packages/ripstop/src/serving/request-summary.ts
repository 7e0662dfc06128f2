import type { Runtime } from '../call/runtime.js';
import type { ErrorType } from '../errors/error-types.js';

/** One request, for its log line. */
export interface RequestSummary {
  readonly correlationId: string;
  readonly method: string;
  /** The cord's path as it was declared; `undefined` where no cord has that path. */
  readonly route: string | undefined;
  /** 499 where the client left; of a stream that broke, the status that its head had. */
  readonly status: number;
  /** Milliseconds since the request came in. */
  readonly ms: number;
  readonly streamed: boolean;
  /** What went wrong, if anything. */
  readonly errorType: ErrorType | undefined;
  /** What the guard and the handler noted (`reply.notes`). */
  readonly notes: Readonly<Record<string, unknown>>;
}

/** The same, as an event. */
export interface RequestFinished extends RequestSummary {
  readonly type: 'request.finished';
  readonly at: number;
}

/** Tells of a request that is over: everybody, and the chute's own listener, which must not spoil the answer (G5). */
export function tellFinished(
  event: RequestFinished,
  { events }: Runtime,
  onRequest: ((summary: RequestSummary) => void) | undefined,
): void {
  events.emit(event);
  try {
    onRequest?.(event);
  } catch (error) {
    events.emit({ type: 'listener.failed', error, at: event.at });
  }
}
