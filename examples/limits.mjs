// Limits on what is sent to an upstream. The pages in docs/policies/ are cut from here.
import { ModelOverloadedError } from 'ripstop/errors';
import { adaptiveLimit, rateLimit } from 'ripstop/policies';

const response = { headers: new Headers({ 'x-ratelimit-remaining-requests': '40' }) };

// snippet: rate-limit
const limit = rateLimit({
  name: 'gpt-x',
  requests: { limit: 2, perMs: 40 },
  tokens: { limit: 90_000, perMs: 60_000 },
  estimate: () => 800,
  usage: (answer) => answer.tokens,
});
const ask = limit.wrap(async (prompt) => ({ echo: prompt, tokens: 350 }));

const answers = Promise.all(['first', 'second', 'third'].map((prompt) => ask(prompt)));
console.log(limit.state().waiting, 'waits');
for (const { echo } of await answers) console.log(echo);
// end of snippet

// snippet: learn
limit.learn(response.headers);
limit.pause(60_000); // what a 429 with `Retry-After: 60` does
await ask('too early').catch((error) => console.log(error.errorType, error.details.reason, error.headers));
limit.reset();
// end of snippet

// snippet: adaptive-limit
const crowd = adaptiveLimit({ name: 'gpt-x', initialLimit: 10 });
const tooMany = async () => {
  throw new ModelOverloadedError();
};
console.log(crowd.limit, 'at a time');
await crowd.execute(tooMany).catch((error) => console.log(error.errorType, crowd.limit, 'at a time'));
// end of snippet
