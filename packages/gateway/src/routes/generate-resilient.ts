import type { Chute, Reply } from 'ripstop/serving';
import type { ChainStream, Served } from '../chains/askable.js';
import { type ModelService, takesLess } from './model-service.js';
import { nativeEvents, textInput } from './native-text.js';
import { note, told } from './told.js';

/** The guide's cord `POST /generate_resilient` (R124): what the chain answers, and who of it did. */
export function addGenerateResilient(chute: Chute, service: ModelService): void {
  // How long the answer may be is the model's to say where the caller does not.
  const input = textInput.extend({ max_tokens: textInput.shape.max_tokens.unwrap().optional() });
  chute.cord('generate_resilient', { input }, async (call) => {
    const { context, reply } = call;
    const { prompt, max_tokens: maxTokens, temperature, model, stream } = call.input;
    const chain = service.textChain(call, model);
    const tell = told(reply);
    let answeredBy: Served | undefined;
    const served = (facts: Served): void => {
      answeredBy = facts;
      tell(facts);
    };
    const whenOutOfMemory = takesLess(call) ? 'halve' : 'next';
    const options = { maxTokens, temperature, deadlineMs: chain.totalMs, whenOutOfMemory, context, served } as const;
    if (stream) return events(await chain.stream(prompt, options), reply);
    const { text, upstream } = await chain.generate(prompt, options);
    return { generated_text: text, model_used: upstream, was_fallback: answeredBy?.wasFallback ?? false };
  });
}

/** A stream that is resumed is its last speaker's, as far as this tells. */
async function* events(answer: ChainStream, reply: Reply): AsyncGenerator<object> {
  const facts = (): object => {
    const { upstream, wasFallback } = answer.serving;
    return { model_used: upstream, was_fallback: wasFallback };
  };
  try {
    yield* nativeEvents(answer.deltas, facts);
  } finally {
    note(reply, answer.serving);
  }
}
