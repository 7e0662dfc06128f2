import type { ExchangeResponse } from './exchange.js';

/** Who is told what comes of a request. For a promise and the waits on it a request would pay more than for its route. */
export interface Outcome {
  readonly answered: (response: ExchangeResponse) => void;
  readonly failed: (error: unknown) => void;
}

/** Tells what `work` gives, or how it fails. */
export function tell(outcome: Outcome, work: () => ExchangeResponse | Promise<ExchangeResponse>): void {
  let answer: ExchangeResponse | Promise<ExchangeResponse>;
  try {
    answer = work();
  } catch (error) {
    return outcome.failed(error);
  }
  if (answer instanceof Promise) answer.then(outcome.answered, outcome.failed);
  else outcome.answered(answer);
}
