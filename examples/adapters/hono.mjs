// Hono: a chute in the app, and Ripstop's answers to the errors of the app's own routes.
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

const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, async ({ port }) => {
  const url = `http://127.0.0.1:${port}`;
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"Mia"}' };
  for (const [path, init] of [['/ai/greet', post], ['/own'], ['/nothing']]) {
    const response = await fetch(url + path, { ...init, headers: { ...init?.headers, 'x-correlation-id': 'abc' } });
    const { greeting, error_type, correlation_id } = await response.json();
    console.log(
      response.status,
      response.headers.get('x-correlation-id'),
      greeting ?? error_type,
      correlation_id ?? '',
    );
  }
  server.close();
  server.closeAllConnections();
});
