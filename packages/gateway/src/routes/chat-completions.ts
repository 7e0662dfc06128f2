import { newCorrelationId, type Runtime } from 'ripstop';
import type { Delta } from 'ripstop/models';
import type { Chute } from 'ripstop/serving';
import { z } from 'zod';
import type { Chains } from '../chains/chains.js';
import { chunkMaker, completion } from './chat-wire.js';
import { told } from './told.js';

/** What we look at; every other field travels to the upstream as it is. */
const input = z.looseObject({
  model: z.string().min(1).max(128).optional(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  max_completion_tokens: z.number().int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
});

/** `POST /v1/chat/completions`: OpenAI's chat, whole or as a stream, from the chain that the request names. */
export function addChatCompletions(chute: Chute<object>, chains: Chains, { clock, random, events }: Runtime): void {
  chute.cord(
    'chat_completions',
    { path: '/v1/chat/completions', dialect: 'openai', input },
    async ({ input: { model, stream, ...request }, context, reply }) => {
      const chain = chains.get(model);
      const created = Math.floor(clock.date().getTime() / 1000);
      const id = `chatcmpl-${newCorrelationId({ clock, random, events })}`;
      const options = { context, deadlineMs: chain.totalMs, served: told(reply) };
      if (stream !== true) {
        const answer = await chain.generate(request, options);
        return completion(answer, { id, created, model: answer.upstream });
      }
      const usage = request.stream_options?.include_usage === true ? 'with usage' : 'without usage';
      const { deltas, upstream } = await chain.stream(request, options);
      return chunks(deltas, chunkMaker({ id, created, model: upstream }, usage));
    },
  );
}

async function* chunks(
  deltas: AsyncIterable<Delta>,
  make: (delta: Delta) => Record<string, unknown>[],
): AsyncGenerator<Record<string, unknown>> {
  for await (const delta of deltas) yield* make(delta);
}
