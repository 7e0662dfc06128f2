// A chute wherever there is `fetch`: Bun.serve(app), Deno.serve(app.fetch), `export default app` in a worker.
import { RateLimitError } from 'ripstop';
import { createChute, fetchHandler } from 'ripstop/serving';

const app = createChute({ name: 'greeter' })
  .cord('greet', {}, ({ input }) => ({ greeting: `Hello ${input.name}` }))
  .cord('busy', { method: 'GET' }, () => {
    throw new RateLimitError('One question a second, please', { retryAfterMs: 1_000 });
  });

// Under a path of its own, beside other handlers.
const ai = fetchHandler(app.handle, { basePath: '/ai', errorHandler: app.errorHandler });
export default {
  fetch: (request) => (new URL(request.url).pathname.startsWith('/ai/') ? ai(request) : app.fetch(request)),
};

const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"Mia"}' };
for (const response of [
  await app.request('/greet', post),
  await ai(new Request('http://127.0.0.1/ai/greet', post)),
  await app.request('/busy', { headers: { 'x-correlation-id': 'abc' } }),
]) {
  const { greeting, error_type, correlation_id } = await response.json();
  console.log(response.status, greeting ?? error_type, correlation_id ?? '');
}
