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

/** Tells of a request that is over: as an event, and to the chute's own listener, which must not spoil the answer (G5). */
export function tellSummary(
  summary: RequestSummary,
  { clock, events }: Runtime,
  onRequest: ((summary: RequestSummary) => void) | undefined,
): void {
  const at = clock.now();
  events.emit({ type: 'request.finished', at, ...summary });
  try {
    onRequest?.(summary);
  } catch (error) {
    events.emit({ type: 'listener.failed', error, at });
  }
}
