// One breaker per upstream, in a single policy.
import { circuitBreaker, keyed, pipeline, timeout } from 'ripstop';

// snippet: keyed
const perUpstream = keyed((name) => circuitBreaker({ name, consecutive: 2 }), { max: 100 });
const safely = pipeline(perUpstream, timeout({ limitMs: 10_000 }));

async function ask(upstream, call) {
  try {
    console.log(upstream, await safely.execute(call, { key: upstream }));
  } catch (error) {
    console.log(upstream, error.message);
  }
}
// end of snippet

const down = () => {
  throw new Error('connection lost');
};
await ask('main', down);
await ask('main', down);
await ask('main', () => 'Paris.');
await ask('spare', () => 'Paris.');

for (const { key, policy } of perUpstream.list()) console.log(`${key}: ${policy.state}`);
perUpstream.reset('main');
await ask('main', () => 'Paris.');
