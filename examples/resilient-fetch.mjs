// The openai SDK on a fetch that owns the retries, and tells every failure so that the SDK understands it.
import OpenAI, { APIError } from 'openai';
import { resilientFetch } from 'ripstop/models';
import { chatAnswer, chatChunk, scriptedUpstream } from 'ripstop/testing';

// A service as Chutes is one: busy at first, then it answers; its last stream breaks off with a bare line of JSON.
const broken = '{"error": "Unhandled exception during response stream: out of luck"}\n';
const service = await scriptedUpstream([
  { kind: 'json', status: 503, headers: { 'retry-after': '0' }, body: { detail: 'No instances available (yet)' } },
  { kind: 'json', body: chatAnswer('Paris.') },
  { kind: 'json', status: 404, body: { detail: 'model not found: gpt-x' } },
  { kind: 'sse', frames: [chatChunk({ content: 'Par' }), broken] },
]);

const openai = new OpenAI({ apiKey: 'cpk_1', baseURL: service.url, fetch: resilientFetch() });
const question = { model: 'gpt-x', messages: [{ role: 'user', content: 'What is the capital of France?' }] };

const { choices } = await openai.chat.completions.create(question);
console.log(choices[0].message.content, `asked ${service.requests.length} times`);

for (const stream of [false, true]) {
  try {
    const answer = await openai.chat.completions.create({ ...question, stream });
    for await (const chunk of answer) console.log(chunk.choices[0].delta.content);
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
    console.log(`${error.constructor.name}: ${error.message} (${error.type})`);
  }
}
await service.close();
