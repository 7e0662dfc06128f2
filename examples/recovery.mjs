// Recovery: what is out is noticed, asked how it is, and tried again; the whole story is one object. docs/recovery.md is cut from here.
import { circuitBreaker } from 'ripstop';
import { UpstreamUnavailableError } from 'ripstop/errors';
import { modelFallbackChain } from 'ripstop/models';
import { incidents, recoveryProbes } from 'ripstop/observation';
import { virtualRuntime } from 'ripstop/testing';

// A clock that is moved by hand, so that an outage of seconds is played at once. A service leaves it out.
const runtime = virtualRuntime();
const down = new UpstreamUnavailableError();
let isOut = false;
const big = { generate: () => (isOut ? Promise.reject(down) : 'from the big one') };
const small = { generate: () => 'from the small one' };
const breaker = circuitBreaker({ name: 'big', consecutive: 2, cooldownMs: 60_000 }, runtime);
const chain = modelFallbackChain({}, runtime)
  .addPrimaryModel(big, 'big', { policy: breaker, breaker })
  .addFallbackModel(small, 'small');

// snippet: watch
const watched = incidents({}, runtime);
const off = runtime.events.on((event) => {
  if (event.type === 'incident.opened') console.log(`${event.subject} is out: ${event.errorType}`);
  if (event.type === 'incident.closed') console.log(`${event.subject} was out for ${event.ms / 1000} s`);
});
// end of snippet

// snippet: probes
const probes = recoveryProbes(
  {
    checkOf: (model) => (model === 'big' ? () => !isOut : undefined), // or upstreamCheck({ url, key })
    returned: (model) => model === 'big' && breaker.endCooldown(),
  },
  runtime,
);
// end of snippet

isOut = true;
for (let call = 0; call < 4; call += 1) await chain.generateWithFallback('Hello');
await runtime.clock.advance(4_000);
isOut = false;
await runtime.clock.advance(4_000);
console.log((await chain.generateWithFallback('Hello')).generated_text);
await runtime.clock.advance(10_000);
// snippet: story
const [incident] = watched.recent();
const { status, duration_ms, failures_by_type, answered_instead, probes: probed } = incident;
console.log(status, duration_ms, failures_by_type, answered_instead, probed);
console.log(incident.transitions.map(({ event }) => event).join(' '));
// end of snippet
probes.close();
watched.close();
off();
