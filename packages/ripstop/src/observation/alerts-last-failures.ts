/** The last failure of each model and of each type, for messages that must name one. */
import type { ReportedEvent } from '../call/events.js';
import type { ErrorType } from '../errors/error-types.js';

/** What is known of it. */
export interface LastFailure {
  readonly errorType: ErrorType;
  readonly correlationId?: string | undefined;
}

/** How many are remembered. */
const most = 200;

export class LastFailures {
  private readonly failures = new Map<string, LastFailure>();

  note(event: ReportedEvent): void {
    if (event.type === 'attempt.finished' || event.type === 'model.failed') {
      const { model, errorType, correlationId } = event;
      if (errorType !== undefined && errorType !== 'cancelled') this.keep(model, { errorType, correlationId });
    }
    if (event.type === 'error.handled' && event.origin !== 'client') this.keep(event.errorType, event);
  }

  /** That of the model or type `subject`, else that of the call that the alert is about. */
  of(subject: string, correlationId: string | undefined): LastFailure | undefined {
    const own = this.failures.get(subject);
    if (own !== undefined || correlationId === undefined) return own;
    return [...this.failures.values()].findLast((failure) => failure.correlationId === correlationId);
  }

  /** The last one of all. */
  get latest(): LastFailure | undefined {
    return [...this.failures.values()].at(-1);
  }

  private keep(subject: string, { errorType, correlationId }: LastFailure): void {
    const failure = { errorType, correlationId };
    for (const key of [subject, errorType]) {
      // Written anew, so that the oldest is the first.
      this.failures.delete(key);
      this.failures.set(key, failure);
    }
    for (const key of this.failures.keys()) {
      if (this.failures.size <= most) return;
      this.failures.delete(key);
    }
  }
}
