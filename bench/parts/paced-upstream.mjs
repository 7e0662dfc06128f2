/** An OpenAI-compatible upstream whose streams come a piece at a time. Told how many, and the milliseconds between them. Prints its port. */
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

const pieces = Number(process.argv[2]);
const paceMs = Number(process.argv[3]);

const chunk = (delta, finish_reason = null) => {
  const choices = [{ index: 0, delta, finish_reason }];
  return `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'bench', choices })}\n\n`;
};

async function answerOne(request, response) {
  request.resume();
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (let index = 0; index < pieces; index += 1) {
    response.write(chunk({ content: `word${index} ` }));
    await pause(paceMs);
  }
  response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
}

const server = createServer((request, response) => void answerOne(request, response));
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
