// A stream that breaks off, and the model that says the rest. docs/resume.md is cut from here.
import { StreamInterruptedError } from 'ripstop';
import { assistantPrefill, modelFallbackChain } from 'ripstop/models';
import { scriptedModel } from 'ripstop/testing';

const main = scriptedModel([{ pieces: ['A circuit breaker ', 'stops calls '], end: new StreamInterruptedError() }]);
const usage = { inputTokens: 14, outputTokens: 6 };
const spare = scriptedModel([{ pieces: ['to a service ', 'that fails.'], usage }]);

// snippet: chain
const chain = modelFallbackChain()
  .addPrimaryModel(main, 'main')
  .addFallbackModel(spare, 'spare', 1, { prefill: assistantPrefill });

const answer = await chain.streamWithFallback('What is a circuit breaker?');
for await (const { text = '' } of answer.stream) process.stdout.write(text);
console.log(`\n${answer.model_used}`, answer.billed);
// end of snippet

// snippet: own-way
/** vLLM begins a new message unless it is told that the last one goes on. */
const vllmPrefill = (request, sent) => ({
  ...assistantPrefill(request, sent),
  continue_final_message: true,
  add_generation_prompt: false,
});
// end of snippet
const request = { messages: [{ role: 'user', content: 'Hi' }] };
console.log(vllmPrefill(request, 'Hel').messages.length);
