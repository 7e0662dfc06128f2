// One model call that may fail, made harmless.
import { circuitBreaker, ModelError, pipeline, retry, timeout } from 'ripstop';
import { scriptedUpstream } from 'ripstop/testing';
import { openaiModel } from 'ripstop/models';

// A service that is overloaded once, and then answers. Yours has an address of its own.
const service = await scriptedUpstream([
  { kind: 'json', status: 503, body: { error: { message: 'overloaded' } } },
  { kind: 'json', body: { choices: [{ message: { content: 'Paris.' }, finish_reason: 'stop' }] } },
]);
const url = service.url;

// snippet: one-call
const model = openaiModel({ url, model: 'gpt-x', key: process.env.KEY });
const safely = pipeline(retry({ baseDelayMs: 100 }), circuitBreaker({ name: 'gpt-x' }), timeout({ limitMs: 10_000 }));

try {
  const { text } = await safely.execute(({ signal }) => model.generate('What is the capital of France?', { signal }));
  console.log(text);
} catch (error) {
  if (!ModelError.isInstance(error)) throw error;
  console.error(error.errorType, error.isRetryable, error.retryAfterMs, error.attempts);
}
// end of snippet

console.log(`asked ${service.requests.length} times`);
await service.close();
