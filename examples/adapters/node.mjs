// A chute on node:http: alone, and as a part of a server of your own.
import { createServer } from 'node:http';
import { nodeListener } from 'ripstop/node';
import { createChute } from 'ripstop/serving';
import { z } from 'zod';

const app = createChute({ name: 'greeter' }).cord('greet', { input: z.object({ name: z.string() }) }, ({ input }) => ({
  greeting: `Hello ${input.name}`,
}));

// In a server of your own, which keeps those for itself.
const answer = nodeListener(app.handle, { errorHandler: app.errorHandler });
const own = createServer((request, response) => {
  if (request.url === '/mine') response.end('mine');
  else answer(request, response);
});
await new Promise((resolve) => own.listen(0, '127.0.0.1', resolve));
console.log(await greet(`http://127.0.0.1:${own.address().port}`, { name: 'Mia' }));
own.close();

// Alone: limits of time, malformed HTTP and a graceful end are taken care of.
const server = await app.listen({ port: 0 });
console.log(await greet(server.url, { name: 'Mia' }));
console.log(await greet(server.url, { name: 7 }));
await server.close();

async function greet(url, body) {
  const headers = { 'content-type': 'application/json', connection: 'close' };
  const response = await fetch(`${url}/greet`, { method: 'POST', headers, body: JSON.stringify(body) });
  return `${response.status} ${await response.text()}`.replace(/,"timestamp".*"correlation_id":"[^"]*"/, '');
}
