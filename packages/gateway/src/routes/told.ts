import type { Reply } from 'ripstop/serving';
import type { Served } from '../chains/chains.js';

/** Writes who answered into the answer's headers and the request's log line. */
export function told(reply: Reply): (served: Served) => void {
  return ({ upstream, attempts, wasFallback }) => {
    reply.headers['x-ripstop-model'] = upstream;
    reply.headers['x-ripstop-attempts'] = String(attempts);
    reply.headers['x-ripstop-fallback'] = String(wasFallback);
    Object.assign(reply.notes, { model: upstream, attempts, fallback: wasFallback });
  };
}
