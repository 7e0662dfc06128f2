// Next.js route handlers, called as Next.js calls them.
import { RateLimitError } from 'ripstop';
import { mount, withErrors } from 'ripstop/next';
import { createChute } from 'ripstop/serving';

const chute = createChute({ name: 'greeter' }).cord('greet', {}, ({ input }) => ({ greeting: `Hello ${input.name}` }));
const { errorHandler } = chute;

// app/api/ai/[...path]/route.ts
export const { GET, POST, OPTIONS } = mount(chute.handle, { basePath: '/api/ai', errorHandler });

// app/api/own/[id]/route.ts
const own = withErrors(
  async (_request, { params }) => {
    const { id } = await params;
    if (id === 'busy') throw new RateLimitError('One question a second, please', { retryAfterMs: 1_000 });
    return Response.json({ greeting: `Hello ${id}` });
  },
  { errorHandler },
);

const ask = (path, init) => {
  return new Request(`http://127.0.0.1${path}`, { ...init, headers: { ...init?.headers, 'x-correlation-id': 'abc' } });
};
const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"Mia"}' };
for (const response of [
  await POST(ask('/api/ai/greet', post)),
  await own(ask('/api/own/busy'), { params: Promise.resolve({ id: 'busy' }) }),
  await GET(ask('/api/ai/nothing')),
]) {
  const { greeting, error_type, correlation_id } = await response.json();
  console.log(response.status, response.headers.get('x-correlation-id'), greeting ?? error_type, correlation_id ?? '');
}
