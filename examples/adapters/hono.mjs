// Hono: a chute in the app, and Ripstop's answers to the errors of the app's own routes.
import { once } from 'node:events';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { RateLimitError } from 'ripstop';
import { errorHandler, mount, notFound, requestContext } from 'ripstop/hono';
import { createChute } from 'ripstop/serving';

const chute = createChute({ name: 'greeter' }).cord('greet', {}, ({ input }) => ({ greeting: `Hello ${input.name}` }));
const options = { errorHandler: chute.errorHandler };

const app = new Hono();
app.use(requestContext(options));
app.onError(errorHandler(options));
app.notFound(notFound(options));
app.all('/ai/*', mount(chute.handle, options));
app.get('/own', () => {
  throw new RateLimitError('One question a second, please', { retryAfterMs: 1_000 });
});

const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}`;
await ask('/ai/greet', { name: 'Mia' });
await ask('/own');
await ask('/nothing');
server.close();
server.closeAllConnections();

async function ask(path, body) {
  const headers = { 'content-type': 'application/json', 'x-correlation-id': 'abc' };
  const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${url}${path}`, { headers, ...sent });
  const { greeting, error_type, correlation_id } = await response.json();
  console.log(response.status, response.headers.get('x-correlation-id'), greeting ?? error_type, correlation_id ?? '');
}
