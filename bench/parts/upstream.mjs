/**
 * An OpenAI-compatible upstream that answers at once, or after as many milliseconds as it is told: JSON, or a stream of
 * 20 pieces. Prints its port.
 */
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

const delayMs = Number(process.argv[2] ?? 0);

const text = 'A circuit breaker stops calling a failing service for a while. '.repeat(8);
const answer = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'bench',
  choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 9, completion_tokens: 90, total_tokens: 99 },
});
const chunk = (delta, finish_reason = null) =>
  `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'bench', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const pieces = [
  ...Array.from({ length: 20 }, (_, index) => chunk({ content: `word${index} ` })),
  chunk({}, 'stop'),
  'data: [DONE]\n\n',
];

async function answerOne(request, response) {
  let body = '';
  for await (const part of request) body += part;
  if (delayMs > 0) await pause(delayMs);
  if (!JSON.parse(body).stream) {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) });
    response.end(answer);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const piece of pieces) {
    response.write(piece);
    await new Promise(setImmediate);
  }
  response.end();
}

const server = createServer((request, response) => void answerOne(request, response));
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
