import { type Events, errorTypes, type ReportedEvent } from 'ripstop';
import { type Logger, logEvents } from 'ripstop/serving';

/**
 * Log lines of what goes on behind the requests: tries, breakers, models, engines. What a caller did wrong stands in the
 * line of his own request already. Returns the function that ends it.
 */
export function logEventsBehind(events: Events, logger: Logger): () => void {
  const on: Events['on'] = (listener, options) =>
    events.on((event) => isCallersFault(event) || listener(event), options);
  return logEvents({ on }, logger);
}

/** Would every upstream say the same of this request? An error of our credential, or of a name of ours, is no such one. */
function isCallersFault(event: ReportedEvent): boolean {
  if (!('errorType' in event) || event.errorType === undefined) return false;
  const { origin, nextModel } = errorTypes[event.errorType];
  return origin === 'client' && nextModel !== 'yes';
}
