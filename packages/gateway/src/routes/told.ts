import type { Reply } from 'ripstop/serving';
import { timingOf } from '../admission/server-timing.js';
import type { Served } from '../chains/askable.js';
import { noteLess } from './model-service.js';

/** Writes who answered into the answer's headers and the request's log line. */
export function told(reply: Reply): (served: Served) => void {
  const timing = timingOf(reply);
  timing?.asked();
  return ({ upstream, attempts, wasFallback, wasReduced }) => {
    timing?.answered();
    if (wasReduced) noteLess(reply, 'max_tokens');
    reply.headers['x-ripstop-model'] = upstream;
    reply.headers['x-ripstop-attempts'] = String(attempts);
    reply.headers['x-ripstop-fallback'] = String(wasFallback);
    note(reply, { upstream, attempts, wasFallback });
  };
}

/** Writes who answered into the log line alone: the head of a stream is gone when its end is known. */
export function note(reply: Reply, { upstream, attempts, wasFallback }: Served): void {
  Object.assign(reply.notes, { model: upstream, attempts, fallback: wasFallback });
}
