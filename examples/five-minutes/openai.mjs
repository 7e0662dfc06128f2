import OpenAI from 'openai';

const client = new OpenAI({ baseURL: 'http://127.0.0.1:8787/v1', apiKey: 'none', maxRetries: 0 });

const stream = await client.chat.completions.create({
  model: 'default',
  messages: [{ role: 'user', content: 'What is a circuit breaker?' }],
  stream: true,
});
for await (const { choices } of stream) process.stdout.write(choices[0]?.delta.content ?? '');
process.stdout.write('\n');
