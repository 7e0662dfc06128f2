/**
 * The least that a gateway can do: node:http in, undici out. Bytes as they come, or, with `parse` behind the upstream's
 * address, as JSON that is read and written anew both ways. Prints its port.
 */
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Agent, request } from 'undici';

const [, , upstream, way] = process.argv;
const dispatcher = new Agent({ pipelining: 1 });

async function answerOne(incoming, outgoing) {
  try {
    const answer = await request(`${upstream}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: way === 'parse' ? JSON.stringify(await json(incoming)) : incoming,
      dispatcher,
    });
    outgoing.writeHead(answer.statusCode, { 'content-type': answer.headers['content-type'] });
    if (way === 'parse') outgoing.end(JSON.stringify(await answer.body.json()));
    else await pipeline(answer.body, outgoing);
  } catch (error) {
    outgoing.destroy(error);
  }
}

const server = createServer((incoming, outgoing) => void answerOne(incoming, outgoing));
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
