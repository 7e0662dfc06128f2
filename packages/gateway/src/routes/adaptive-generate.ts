import { InferenceTimeoutError, ModelOverloadedError, type Runtime } from 'ripstop';
import { type Delta, safeGenerate, safeGenerateStream } from 'ripstop/models';
import { adaptiveGenerate, type Degradation } from 'ripstop/observation';
import type { Chute } from 'ripstop/serving';
import type { Chains } from '../chains/chains.js';
import { asModel, nativeEvents, type TextCall, textInput, unexpected } from './native-text.js';

interface Limit {
  readonly max_tokens: number;
}

/** The guide's cord `POST /adaptive_generate` (R132–R134): as much as the load allows, whole or as a native stream. */
export function addAdaptiveGenerate(chute: Chute, chains: Chains, degradation: Degradation, runtime: Runtime): void {
  chute.cord('adaptive_generate', { input: textInput }, async (call) => {
    const { context } = call;
    const { prompt, max_tokens, temperature, model, stream } = call.input;
    const chain = chains.get(model);
    const asked = asModel(chain, call);
    const endsAt = runtime.clock.now() + chain.totalMs;
    const allowed = ({ max_tokens: maxTokens }: Limit) => {
      if (maxTokens < max_tokens) lessThanAsked(call, runtime);
      const timeoutMs = endsAt - runtime.clock.now();
      if (timeoutMs <= 0) throw new InferenceTimeoutError(chain.totalMs, { details: { phase: 'total' } });
      return { maxTokens, temperature, timeoutMs, context };
    };
    const parameters: Limit = { max_tokens };
    const signal = context.abortable ? context.signal : undefined;
    try {
      if (!stream) {
        const generate = (limit: Limit) => safeGenerate(asked, prompt, allowed(limit), runtime);
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

/** Says so in the answer's head. @throws ModelOverloadedError for a caller who wants all or nothing (GW16). */
function lessThanAsked({ request, reply }: TextCall, { random }: Runtime): void {
  if (request.headers['x-ripstop-allow-degraded']?.toLowerCase() === 'false') {
    throw new ModelOverloadedError('The service can answer with less than was asked for only; try again later', {
      details: { reason: 'shed' },
      retryAfterMs: Math.round(1_000 + random() * 9_000),
      stack: 'none',
    });
  }
  reply.headers['x-ripstop-degraded'] = 'max_tokens';
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
