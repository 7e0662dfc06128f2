import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText } from 'ai';

const gateway = createOpenAICompatible({ name: 'gateway', baseURL: 'http://127.0.0.1:8787/v1' });

const { text, response } = await generateText({
  model: gateway('default'),
  prompt: 'What is a circuit breaker?',
  maxRetries: 0,
});
console.log(`${response.modelId}: ${text}`);
