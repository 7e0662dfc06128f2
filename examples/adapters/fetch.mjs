// A chute wherever there is `fetch`: Bun.serve(app), Deno.serve(app.fetch), `export default app` in a worker.
import { RateLimitError } from 'ripstop';
import { createChute, fetchHandler, withErrors } from 'ripstop/serving';

const app = createChute({ name: 'greeter' }).cord('greet', {}, ({ input }) => ({ greeting: `Hello ${input.name}` }));
const { errorHandler } = app;

// Under a path of its own, beside a handler that is no chute and has our answers to its errors.
const ai = fetchHandler(app.handle, { basePath: '/ai', errorHandler });
const own = withErrors(
  async () => {
    throw new RateLimitError('One question a second, please', { retryAfterMs: 1_000 });
  },
  { errorHandler },
);
const fetch = (request) => (new URL(request.url).pathname.startsWith('/ai/') ? ai(request) : own(request));
export default { fetch };

const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"Mia"}' };
for (const response of [
  await app.request('/greet', post),
  await fetch(new Request('http://127.0.0.1/ai/greet', post)),
  await fetch(new Request('http://127.0.0.1/own', { headers: { 'x-correlation-id': 'abc' } })),
]) {
  const { greeting, error_type, correlation_id } = await response.json();
  console.log(response.status, greeting ?? error_type, correlation_id ?? '');
}
