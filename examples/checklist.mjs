// A service held against the checklist: what it has, what it lacks, and what cannot be seen from outside.
import { circuitBreaker, pipeline, retry } from 'ripstop';
import { sanitizeText } from 'ripstop/input';
import { modelFallbackChain } from 'ripstop/models';
import { errorMetrics } from 'ripstop/observation';
import { createChute, validateImplementation } from 'ripstop/serving';
import { z } from 'zod';

const main = { contextLength: 8_192, generate: async () => 'Paris.' };
const spare = { contextLength: 8_192, generate: async () => 'Paris, I think.' };
const input = z.object({
  prompt: z
    .string()
    .min(1)
    .max(10_000)
    .transform((text) => sanitizeText(text)),
});
const policy = pipeline(retry(), circuitBreaker());

// snippet: validate
const app = createChute({ name: 'answers', deadlineMs: 30_000 })
  .onStartup(() => ({ chain: modelFallbackChain().addPrimaryModel(main, 'main').addFallbackModel(spare, 'spare') }))
  .healthCheck('model', { critical: true }, async () => (await main.generate('Hi')) !== '')
  .cord('ask', { input, policy, concurrency: 8 }, ({ input, state }) => state.chain.generateWithFallback(input.prompt));
const stopCounting = errorMetrics().listen();
await app.start();

const { findings, ...has } = validateImplementation(app, { parts: [main, sanitizeText] });
console.log(has);
for (const { status, item, found, advice } of findings) {
  if (status === 'missing') console.log(`${item}: ${found}. ${advice}`);
}
// end of snippet
console.log(
  'not known:',
  findings
    .filter(({ status }) => status === 'unknown')
    .map(({ item }) => item)
    .join(', '),
);
stopCounting();
await app.stop();
