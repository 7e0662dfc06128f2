// A service of your own, with validation, one error envelope, correlation ids, streams, health and a typed client.
import { ModelError, ModelOverloadedError } from 'ripstop';
import { createChute, createClient } from 'ripstop/serving';
import { z } from 'zod';

// snippet: chute
const app = createChute({ name: 'greeter', version: '1.0.0' })
  .onStartup(() => ({ words: ['Hello', 'Welcome'] }))
  .healthCheck('words', { critical: true }, ({ state }) => state.words.length > 0)
  .cord(
    'greet',
    {
      input: z.object({ name: z.string().min(1), times: z.number().int().min(1).max(5).default(1) }),
      concurrency: 8,
      timeoutMs: 5_000,
    },
    async function* ({ input, state }) {
      if (input.name === 'everybody') throw new ModelOverloadedError(undefined, { retryAfterMs: 2_000 });
      for (let time = 0; time < input.times; time += 1) yield { delta: `${state.words[time % 2]} ${input.name}! ` };
    },
  );
const server = await app.listen({ port: 0 });
// end of snippet

// snippet: client
const client = createClient(server.url); // in TypeScript createClient<typeof app>(url): typed by the service
for await (const { delta } of await client.greet({ name: 'Mia', times: 2 })) console.log(delta);

const error = await client.greet({ name: '' }).catch((error) => error);
console.log(ModelError.isInstance(error), error.errorType, error.fields[0].path);
// end of snippet

async function raw(body) {
  const answer = await fetch(`${server.url}/greet`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  console.log(answer.status, (await answer.text()).trim());
}
await raw({ name: 'Mia', times: 2 });
await raw({ name: '' });
await raw({ name: 'everybody' });

// snippet: without a port
const answer = await app.request('/greet', { json: { name: 'Mia' } });
console.log(answer.status, (await answer.text()).trim(), (await app.health()).overall_status);
// end of snippet
await server.close();
