import type { Chute } from 'ripstop/serving';
import { z } from 'zod';
import type { Chains } from '../chains/chains.js';
import { told } from './told.js';

const tokens = z.array(z.number().int()).min(1);
const text = z.string().min(1, 'must not be empty');

/** What we look at; every other field travels to the upstream as it is. */
const input = z.looseObject({
  model: z.string().min(1).max(128).optional(),
  input: z.union([text, z.array(text).min(1), tokens, z.array(tokens).min(1)]),
});

/** `POST /v1/embeddings`: a vector for each text, from the chain that the request names. */
export function addEmbeddings(chute: Chute, chains: Chains): void {
  chute.cord(
    'embeddings',
    { path: '/v1/embeddings', dialect: 'openai', input },
    async ({ input: { model, ...request }, context, reply }) => {
      const chain = chains.get(model);
      const options = { context, deadlineMs: chain.totalMs, served: told(reply) };
      const { raw, upstream } = await chain.at('embeddings').generate(request, options);
      return { ...raw, model: upstream };
    },
  );
}
