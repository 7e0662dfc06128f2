// Express 5: a chute in the app, and Ripstop's answers to the errors of the app's own routes.
import { once } from 'node:events';
import express from 'express';
import { RateLimitError } from 'ripstop';
import { errorMiddleware, mount, notFound, requestContext } from 'ripstop/express';
import { createChute } from 'ripstop/serving';

const chute = createChute({ name: 'greeter' }).cord('greet', {}, ({ input }) => ({ greeting: `Hello ${input.name}` }));
const options = { errorHandler: chute.errorHandler };

const app = express();
app.use(requestContext(options));
app.use('/ai', mount(chute.handle, options));
app.get('/own', async () => {
  throw new RateLimitError('One question a second, please', { retryAfterMs: 1_000 });
});
app.use(notFound(), errorMiddleware(options));

const server = app.listen(0, '127.0.0.1');
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
