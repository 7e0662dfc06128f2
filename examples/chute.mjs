// A service of your own, with validation, one error envelope, correlation ids and streams.
import { ModelOverloadedError } from 'ripstop';
import { serve } from 'ripstop/node';
import { createChute } from 'ripstop/serving';
import { z } from 'zod';

// snippet: chute
const chute = createChute({ name: 'greeter' }).cord(
  'greet',
  { input: z.object({ name: z.string().min(1), times: z.number().int().min(1).max(5).default(1) }) },
  async function* ({ input }) {
    if (input.name === 'everybody') throw new ModelOverloadedError(undefined, { retryAfterMs: 2_000 });
    for (let time = 1; time <= input.times; time += 1) yield { delta: `Hello ${input.name}! ` };
  },
);
await chute.start();
const server = await serve(chute.handle, { port: 0 });
// end of snippet

async function greet(body) {
  const answer = await fetch(`${server.url}/greet`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  console.log(answer.status, (await answer.text()).trim());
}
await greet({ name: 'Mia', times: 2 });
await greet({ name: '' });
await greet({ name: 'everybody' });
await server.close();
await chute.stop();
