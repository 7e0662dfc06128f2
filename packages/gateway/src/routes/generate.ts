import { safeGenerate, safeGenerateStream } from 'ripstop/models';
import type { Chute } from 'ripstop/serving';
import type { ModelService } from './model-service.js';
import { asModel, nativeEvents, textInput, unexpected } from './native-text.js';

/** The guide's cord `POST /generate` (R103), whole or as a native stream. */
export function addGenerate(chute: Chute, service: ModelService): void {
  const { runtime } = service;
  chute.cord('generate', { input: textInput }, async (call) => {
    const { prompt, max_tokens: maxTokens, temperature, model, stream } = call.input;
    const chain = service.textChain(call, model);
    const options = { maxTokens, temperature, timeoutMs: chain.totalMs, context: call.context };
    const asked = asModel(chain, call);
    try {
      if (stream) return nativeEvents(safeGenerateStream(asked, prompt, options, runtime));
      const answer = await safeGenerate(asked, prompt, options, runtime);
      if (answer.warning !== undefined) service.less(call, ['max_tokens']);
      return answer;
    } catch (error) {
      throw unexpected(error);
    }
  });
}
