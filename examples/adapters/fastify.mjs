// Fastify: a chute in the app, and Ripstop's answers to the errors of the app's own routes.
import fastify from 'fastify';
import { RateLimitError } from 'ripstop';
import { errorHandling, mount } from 'ripstop/fastify';
import { createChute } from 'ripstop/serving';

const chute = createChute({ name: 'greeter' }).cord('greet', {}, ({ input }) => ({ greeting: `Hello ${input.name}` }));
const options = { errorHandler: chute.errorHandler };

const app = fastify({ forceCloseConnections: true });
await app.register(errorHandling(options));
await app.register(mount(chute.handle, options), { prefix: '/ai' });
app.get('/own', async () => {
  throw new RateLimitError('One question a second, please', { retryAfterMs: 1_000 });
});

const url = await app.listen({ port: 0, host: '127.0.0.1' });
await ask('/ai/greet', { name: 'Mia' });
await ask('/own');
await ask('/nothing');
await app.close();

async function ask(path, body) {
  const headers = { 'content-type': 'application/json', 'x-correlation-id': 'abc' };
  const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${url}${path}`, { headers, ...sent });
  const { greeting, error_type, correlation_id } = await response.json();
  console.log(response.status, response.headers.get('x-correlation-id'), greeting ?? error_type, correlation_id ?? '');
}
