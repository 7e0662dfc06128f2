// A language model of the AI SDK that another one stands in for.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, streamText, wrapLanguageModel } from 'ai';
import { ModelError, systemRuntime } from 'ripstop';
import { resilience } from 'ripstop/ai-sdk';
import { chatAnswer, chatChunk, chatFrames, scriptedUpstream } from 'ripstop/testing';

// Two services: the first has gone away, the second answers, streams, and at last breaks off.
const main = await scriptedUpstream([{ kind: 'json', status: 404, body: { detail: 'model not found: big' } }]);
const spare = await scriptedUpstream([
  { kind: 'json', body: chatAnswer('Paris.') },
  { kind: 'sse', frames: chatFrames(['Par', 'is.']) },
  { kind: 'sse', frames: [chatChunk({ content: 'Par' })] },
]);
const big = createOpenAICompatible({ name: 'main', baseURL: main.url })('big');
const small = createOpenAICompatible({ name: 'spare', baseURL: spare.url })('small');

const model = wrapLanguageModel({ model: big, middleware: resilience({ fallbacks: [small] }) });
systemRuntime.events.on((event) => {
  if (event.type === 'model.failed') console.log(event.model, event.errorType);
});

const prompt = 'What is the capital of France?';
const { text } = await generateText({ model, prompt });
console.log(text);

for (let call = 0; call < 2; call += 1) {
  const { textStream } = streamText({ model, prompt, onError: ({ error }) => told(error) });
  let said = '';
  for await (const piece of textStream) said += piece;
  console.log(said);
}

function told(error) {
  if (!ModelError.isInstance(error)) throw error;
  console.log(error.errorType, error.isRetryable);
}
await Promise.all([main.close(), spare.close()]);
