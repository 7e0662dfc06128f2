/** Answers by call. For a promise and the waits on it a request would pay more than for its route. */
import type { ExchangeHandler, ExchangeRequest, ExchangeResponse } from './exchange.js';

/** Who is told, once, what comes of a request. */
export interface Outcome {
  answered(response: ExchangeResponse): void;
  failed(error: unknown): void;
}

/** Tells what `work` gives, or how it fails. */
export function tell(outcome: Outcome, work: () => ExchangeResponse | Promise<ExchangeResponse>): void {
  let answer: ExchangeResponse | Promise<ExchangeResponse>;
  try {
    answer = work();
  } catch (error) {
    return outcome.failed(error);
  }
  if (answer instanceof Promise) tellLater(outcome, answer);
  else outcome.answered(answer);
}

/** Apart, so that an answer that is there already pays for no closure. */
function tellLater(outcome: Outcome, answer: Promise<ExchangeResponse>): void {
  answer.then(
    (response) => outcome.answered(response),
    (error: unknown) => outcome.failed(error),
  );
}

/** The member of a handler that answers so: the handler without its promise. It never throws. */
const answersByCall: unique symbol = Symbol('answersByCall');

type ByCall = (request: ExchangeRequest, outcome: Outcome) => void;

/** A handler out of one that answers by call. */
export function handlerByCall(answer: ByCall): ExchangeHandler {
  const handler: ExchangeHandler = (request) => {
    return new Promise((answered, failed) => answer(request, { answered, failed }));
  };
  return Object.assign(handler, { [answersByCall]: answer });
}

/** Has any handler answer: ours by call, others by their promise, or by throwing instead. */
export function handle(
  handler: ExchangeHandler & { readonly [answersByCall]?: ByCall },
  request: ExchangeRequest,
  outcome: Outcome,
): void {
  const answer = handler[answersByCall];
  if (answer === undefined) tell(outcome, () => Promise.resolve(handler(request)));
  else answer(request, outcome);
}
