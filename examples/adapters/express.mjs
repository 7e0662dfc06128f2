// Express 5: a chute in the app, and Ripstop's answers to the errors of the app's own routes.
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

const server = app.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`;
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
