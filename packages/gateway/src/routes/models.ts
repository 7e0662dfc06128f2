import type { Runtime } from 'ripstop';
import type { Chute } from 'ripstop/serving';
import type { Chains } from '../chains/chains.js';

/** `GET /v1/models`: the names that callers may ask for, and never those of the upstreams. */
export function addModels(chute: Chute<object>, chains: Chains, { clock }: Runtime): void {
  const created = Math.floor(clock.date().getTime() / 1000);
  chute.cord('models', { path: '/v1/models', method: 'GET', dialect: 'openai' }, () => ({
    object: 'list',
    data: chains.all().map(({ name, contextLength, description }) => ({
      id: name,
      object: 'model',
      created,
      owned_by: 'ripstop',
      ...(contextLength === undefined ? {} : { context_length: contextLength }),
      ...(description === undefined ? {} : { description }),
    })),
  }));
}
