import type { Runtime } from 'ripstop';
import { safeGenerate, safeGenerateStream } from 'ripstop/models';
import type { Chute } from 'ripstop/serving';
import type { Chains } from '../chains/chains.js';
import { asModel, nativeEvents, textInput, unexpected } from './native-text.js';

/** The guide's cord `POST /generate` (R103), whole or as a native stream. */
export function addGenerate(chute: Chute, chains: Chains, runtime: Runtime): void {
  chute.cord('generate', { input: textInput }, async (call) => {
    const { prompt, max_tokens: maxTokens, temperature, model, stream } = call.input;
    const chain = chains.get(model);
    const options = { maxTokens, temperature, timeoutMs: chain.totalMs, context: call.context };
    const asked = asModel(chain, call);
    try {
      if (stream) return nativeEvents(safeGenerateStream(asked, prompt, options, runtime));
      return await safeGenerate(asked, prompt, options, runtime);
    } catch (error) {
      throw unexpected(error);
    }
  });
}
