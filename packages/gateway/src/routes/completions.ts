import { newCorrelationId, type Runtime } from 'ripstop';
import { isContent } from 'ripstop/models';
import type { Chute, Reply } from 'ripstop/serving';
import { z } from 'zod';
import type { Chains, ChainStream } from '../chains/chains.js';
import { brokenOff } from './broken-off.js';
import { completionChunks, textCompletion } from './completion-wire.js';
import { note, told } from './told.js';

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
export function addCompletions(chute: Chute, chains: Chains, runtime: Runtime): void {
  chute.cord(
    'completions',
    { path: '/v1/completions', dialect: 'openai', input },
    async ({ input: { model, stream, ...request }, context, reply }) => {
      const chain = chains.get(model);
      const created = Math.floor(runtime.clock.date().getTime() / 1000);
      const id = `cmpl-${newCorrelationId(runtime)}`;
      const options = { context, deadlineMs: chain.totalMs, served: told(reply) };
      if (stream !== true) {
        const answer = await chain.at('completions').generate(request, options);
        return textCompletion(answer, { id, created, model: answer.upstream });
      }
      const usage = request.stream_options?.include_usage === true ? 'with usage' : 'without usage';
      const answer = await chain.at('completions').stream(request, options);
      return chunks(answer, completionChunks({ id, created, model: answer.serving.upstream }, usage), reply);
    },
  );
}

async function* chunks(
  answer: ChainStream,
  make: ReturnType<typeof completionChunks>,
  reply: Reply,
): AsyncGenerator<Record<string, unknown>> {
  let pieces = 0;
  try {
    for await (const delta of answer.deltas) {
      if (isContent(delta)) pieces += 1;
      yield* make(delta);
    }
  } catch (error) {
    throw brokenOff(error, pieces);
  } finally {
    note(reply, answer.serving);
  }
}
