import { InferenceTimeoutError } from 'ripstop';
import { type Delta, safeGenerate, safeGenerateStream } from 'ripstop/models';
import { adaptiveGenerate } from 'ripstop/observation';
import type { Chute } from 'ripstop/serving';
import type { ModelService } from './model-service.js';
import { asModel, nativeEvents, textInput, unexpected } from './native-text.js';

interface Limit {
  readonly max_tokens: number;
}

/** The guide's cord `POST /adaptive_generate` (R132–R134): as much as the load allows, whole or as a native stream. */
export function addAdaptiveGenerate(chute: Chute, service: ModelService): void {
  const { degradation, runtime } = service;
  chute.cord('adaptive_generate', { input: textInput }, async (call) => {
    const { context } = call;
    const { prompt, max_tokens, temperature, model, stream } = call.input;
    const chain = service.textChain(call, model);
    const asked = asModel(chain, call);
    const endsAt = runtime.clock.now() + chain.totalMs;
    const allowed = ({ max_tokens: maxTokens }: Limit) => {
      if (maxTokens < max_tokens) service.less(call, ['max_tokens']);
      const timeoutMs = endsAt - runtime.clock.now();
      if (timeoutMs <= 0) throw new InferenceTimeoutError(chain.totalMs, { details: { phase: 'total' } });
      return { maxTokens, temperature, timeoutMs, context };
    };
    const parameters: Limit = { max_tokens };
    const signal = context.abortable ? context.signal : undefined;
    try {
      if (!stream) {
        const generate = async (limit: Limit) => {
          const answer = await safeGenerate(asked, prompt, allowed(limit), runtime);
          if (answer.warning !== undefined) service.less(call, ['max_tokens']);
          return answer;
        };
        return await adaptiveGenerate(degradation, { parameters, generate, signal }, runtime);
      }
      const generate = async (limit: Limit) => ({
        deltas: await begun(safeGenerateStream(asked, prompt, allowed(limit), runtime)),
      });
      const { deltas, ...notes } = await adaptiveGenerate(degradation, { parameters, generate, signal }, runtime);
      return nativeEvents(deltas, () => notes);
    } catch (error) {
      throw unexpected(error);
    }
  });
}

/** A stream whose first item has arrived: what fails before that fails here, where less can still be asked for. */
async function begun(deltas: AsyncGenerator<Delta>): Promise<AsyncGenerator<Delta>> {
  const first = await deltas.next();
  return (async function* () {
    try {
      if (first.done !== true) yield first.value;
      yield* deltas;
    } finally {
      await deltas.return(undefined);
    }
  })();
}
