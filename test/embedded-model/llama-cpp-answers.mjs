/** What llama.cpp makes of prompts: reads `[[turns, …], …]` from the standard input, prints tokens and greedy answers. */
import { text } from 'node:stream/consumers';
import { generate } from '../../packages/gateway/dist/embedded-model/generate.js';
import { openLlamaCpp } from '../../packages/gateway/dist/embedded-model/llama-cpp/llama-cpp-engine.js';

const [file] = process.argv.slice(2);
const conversations = JSON.parse(await text(process.stdin));
const engine = await openLlamaCpp({ file, runtime: 'llama.cpp' });
const { signal } = new AbortController();
const answers = [];
for (const turns of conversations) {
  let answer = '';
  const request = { turns, temperature: 0, topP: 1, topK: 0, seed: 1, stop: [], maxTokens: 60 };
  await generate(engine, request, { signal, onText: (piece) => (answer += piece) });
  answers.push({ tokens: engine.encode(turns), answer });
}
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
