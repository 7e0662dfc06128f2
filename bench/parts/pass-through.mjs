/** The least that a gateway can do: node:http in, undici out, bytes as they come. Prints its port. */
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Agent, request } from 'undici';

const upstream = process.argv[2];
const dispatcher = new Agent({ pipelining: 1 });

async function answerOne(incoming, outgoing) {
  try {
    const answer = await request(`${upstream}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: incoming,
      dispatcher,
    });
    outgoing.writeHead(answer.statusCode, { 'content-type': answer.headers['content-type'] });
    await pipeline(answer.body, outgoing);
  } catch (error) {
    outgoing.destroy(error);
  }
}

const server = createServer((incoming, outgoing) => void answerOne(incoming, outgoing));
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
