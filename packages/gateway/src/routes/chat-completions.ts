import { newCorrelationId } from 'ripstop';
import type { Chute } from 'ripstop/serving';
import { z } from 'zod';
import { ChunkStream } from './chunk-stream.js';
import { chunkMaker, completion } from './chat-wire.js';
import { type ModelService, takesLess } from './model-service.js';
import { told } from './told.js';

/** What we look at; every other field travels to the upstream as it is. */
const input = z.looseObject({
  model: z.string().min(1).max(128).optional(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown().optional() })).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  max_completion_tokens: z.number().int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
});

/** `POST /v1/chat/completions`: OpenAI's chat, whole or as a stream, from the chain that the request names. */
export function addChatCompletions(chute: Chute<object>, service: ModelService): void {
  const { runtime } = service;
  chute.cord('chat_completions', { path: '/v1/chat/completions', dialect: 'openai', input }, async (call) => {
    const { context, reply } = call;
    const { model, stream, ...asked } = call.input;
    const chain = service.textChain(call, model);
    const request = service.allowed(call, asked);
    const created = Math.floor(runtime.clock.date().getTime() / 1000);
    const id = `chatcmpl-${newCorrelationId(runtime)}`;
    const whenOutOfMemory = takesLess(call) ? 'halve' : 'next';
    const options = { context, deadlineMs: chain.totalMs, whenOutOfMemory, served: told(reply) } as const;
    if (stream !== true) {
      const answer = await chain.generate(request, options);
      return completion(answer, { id, created, model: answer.upstream });
    }
    const usage = request.stream_options?.include_usage === true ? 'with usage' : 'without usage';
    const answer = await chain.stream(request, options);
    return new ChunkStream(answer, chunkMaker(answer, { id, created }, usage), reply);
  });
}
