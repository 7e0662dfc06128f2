import { assistantPrefill, type Prefill } from 'ripstop/models';
import type { HttpUpstreamConfig } from '../config/schema.js';

/**
 * How an upstream is asked to go on from a text. Some take the assistant's last message for the beginning of the answer
 * as it is; Mistral and DeepSeek want `prefix` in it; vLLM and SGLang begin a new message unless told that this one goes
 * on.
 */
export function prefillOf({ prefill }: Pick<HttpUpstreamConfig, 'prefill'>): Prefill | undefined {
  switch (prefill) {
    case false:
      return undefined;
    case true:
      return assistantPrefill;
    case 'prefix':
      return withPrefix;
    case 'continue_final_message':
      return continuing;
  }
}

const withPrefix: Prefill = (request, sent) => {
  return { ...request, messages: [...request.messages, { role: 'assistant', content: sent, prefix: true }] };
};

const continuing: Prefill = (request, sent) => {
  return { ...assistantPrefill(request, sent), continue_final_message: true, add_generation_prompt: false };
};

/** Of a text completion: the prompt is the text to go on from, and what has been said of the answer is a part of it. */
export const promptPrefill: Prefill = (request, sent) => ({
  ...request,
  prompt: `${String(request['prompt'])}${sent}`,
});
