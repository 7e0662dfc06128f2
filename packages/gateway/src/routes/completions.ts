import { newCorrelationId } from 'ripstop';
import type { Chute } from 'ripstop/serving';
import { z } from 'zod';
import { ChunkStream } from './chunk-stream.js';
import { completionChunks, textCompletion } from './completion-wire.js';
import { type ModelService, takesLess } from './model-service.js';
import { told } from './told.js';

const tokens = z.array(z.number().int());

/** What we look at; every other field travels to the upstream as it is. */
const input = z.looseObject({
  model: z.string().min(1).max(128).optional(),
  prompt: z.union([z.string(), z.array(z.string()).min(1), tokens.min(1), z.array(tokens).min(1)]),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
});

/** `POST /v1/completions`: OpenAI's older kind, which goes on where a text ends, whole or as a stream. */
export function addCompletions(chute: Chute, service: ModelService): void {
  const { runtime } = service;
  chute.cord('completions', { path: '/v1/completions', dialect: 'openai', input }, async (call) => {
    const { context, reply } = call;
    const { model, stream, ...asked } = call.input;
    const chain = service.textChain(call, model);
    const request = service.allowed(call, asked);
    const created = Math.floor(runtime.clock.date().getTime() / 1000);
    const id = `cmpl-${newCorrelationId(runtime)}`;
    const whenOutOfMemory = takesLess(call) ? 'halve' : 'next';
    const options = { context, deadlineMs: chain.totalMs, whenOutOfMemory, served: told(reply) } as const;
    if (stream !== true) {
      const answer = await chain.at('completions').generate(request, options);
      return textCompletion(answer, { id, created, model: answer.upstream });
    }
    const usage = request.stream_options?.include_usage === true ? 'with usage' : 'without usage';
    const answer = await chain.at('completions').stream(request, options);
    return new ChunkStream(answer, completionChunks(answer, { id, created }, usage), reply);
  });
}
