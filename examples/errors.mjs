// Error context, the error handler, the log, and the other side: what is known of an error, and who is told what.
import { errorContext, InferenceTimeoutError, ModelError, retry, systemRuntime, withErrorContext } from 'ripstop';
import { parseErrorResponse } from 'ripstop/models';
import { createChute, createErrorHandler, logEvents } from 'ripstop/serving';

const write = (level) => (fields, message) => console.log(level, message, fields.correlation_id ?? '');
const logger = { debug: () => {}, info: write('info'), warn: write('warn'), error: write('error') };

// snippet: context
const model = {
  generate: async () => {
    throw new InferenceTimeoutError(5_000);
  },
};

async function answer(prompt) {
  const words = errorContext.operation('preprocessing', { inputSize: prompt.length }, () => prompt.trim());
  return errorContext.operation('inference', { model: 'small' }, () => model.generate(words));
}

const error = await errorContext.run({ correlationId: 'req-12345' }, () => answer('Hello')).catch((error) => error);
console.log(error.errorType, errorContext.of(error));
// end of snippet

// snippet: wrap
const summarise = withErrorContext(
  (text) => {
    if (text === '') throw new TypeError('nothing to summarise');
    return text.slice(0, 20);
  },
  (text) => ({ operation: 'summarising', inputSize: text.length }),
);
try {
  summarise('');
} catch (error) {
  console.log(error.name, errorContext.of(error));
}
// end of snippet

// snippet: handler
const errors = createErrorHandler({ logger, publicContext: ['model'] });

const { status, body } = errors.respond(error, { correlationId: 'req-12345', route: '/generate' });
console.log(status, JSON.parse(body).details);
console.log(errors.statistics().error_types, errors.history()[0].context);
// end of snippet

// snippet: log
const off = logEvents(systemRuntime.events, logger);
const policy = retry({ attempts: 2, baseDelayMs: 10, jitter: 'none' });
await errorContext
  .run({ correlationId: 'req-7', operation: 'inference' }, () => policy.execute(model.generate))
  .catch(() => console.log('gave up'));
off();
// end of snippet

const app = createChute({ name: 'x', logger }).cord('generate', {}, () => answer('Hello'));
const server = await app.listen({ port: 0 });

// snippet: client
const response = await fetch(`${server.url}/generate`, { method: 'POST', headers: { 'x-correlation-id': 'req-8' } });
if (!response.ok) {
  const error = await parseErrorResponse(response);
  console.log(ModelError.isInstance(error), error.errorType, error.status, error.isRetryable, error.correlationId);
}
// end of snippet
await server.close();
