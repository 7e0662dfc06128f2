/** The list of faults: what other gateways were seen to do wrong, and what ours does. */

/** A request that no stream may resume: what is broken in it must be told. */
const tools = { tools: [{ type: 'function', function: { name: 'look_up', parameters: { type: 'object' } } }] };

/** @returns {import('./scenario.mjs').Scenario[]} */
export function faultList() {
  return [...statuses(), ...limits(), ...bodies(), ...streams()];
}

/** @returns {import('./scenario.mjs').Scenario[]} */
function statuses() {
  return [
    {
      id: '503-twice',
      title: '503 twice, then fine: the same target answers',
      upstreams: { main: '503 x2, ok' },
      async run(play) {
        const answer = await play.ask();
        play.answered(answer, 'main');
        play.time('the time', answer.ms, 0, 3_000);
        await play.tries({ main: 3 });
      },
    },
    {
      id: 'bad-request',
      title: 'The first target answers 400: that is the answer, and nobody else is asked',
      upstreams: { main: '400', spare: 'ok' },
      async run(play) {
        const answer = await play.ask();
        play.equal('the status', answer.status, 400);
        play.equal('the code', answer.error?.code, 'invalid_input');
        await play.tries({ main: 1, spare: 0 });
      },
    },
    {
      id: 'refused-key',
      title: 'The first target refuses our key: the second answers',
      upstreams: { main: '401', spare: 'ok' },
      async run(play) {
        play.answered(await play.ask(), 'spare');
        await play.tries({ main: 1, spare: 1 });
      },
    },
    {
      id: 'refused-key-alone',
      title: 'The only target refuses our key: 502, since the caller’s is fine',
      upstreams: { main: '401' },
      async run(play) {
        const answer = await play.ask();
        play.equal('the status', answer.status, 502);
        play.equal('the code', answer.error?.code, 'authentication_failed');
        await play.tries({ main: 1 });
      },
    },
    {
      id: 'unknown-model',
      title: 'The first target does not know the model: the second answers',
      upstreams: { main: '404', spare: 'ok' },
      async run(play) {
        play.answered(await play.ask(), 'spare');
        await play.tries({ main: 1, spare: 1 });
      },
    },
    {
      id: 'refused-connection',
      title: 'Nobody listens at the first target: the second answers',
      upstreams: { main: { url: 'http://127.0.0.1:9/v1' }, spare: 'ok' },
      async run(play) {
        play.answered(await play.stream(), 'spare');
        await play.tries({ spare: 1 });
      },
    },
    {
      id: 'all-down',
      title: 'All targets are down: the first cause decides, all attempts are told, no host is',
      upstreams: { main: '503', spare: '500' },
      async run(play) {
        const answer = await play.ask();
        play.equal('the status', answer.status, 503);
        play.equal('the code', answer.error?.code, 'model_overloaded');
        play.check(
          answer.error?.message?.startsWith('All 2 models failed; first: '),
          `the message is ${answer.error?.message}`,
        );
        const models = [...new Set(answer.error?.attempts?.map(({ model }) => model))];
        play.equal('the models told', models.join(), `${play.name('main')},${play.name('spare')}`);
        await play.tries({ main: 3, spare: 3 });
      },
    },
    {
      id: 'loading',
      title: 'The model is loading: it is waited for, patiently',
      upstreams: { main: 'loading x1, ok' },
      async run(play) {
        const answer = await play.ask();
        play.answered(answer, 'main');
        play.time('the time', answer.ms, 1_000, 3_000);
      },
    },
    {
      id: 'at-capacity',
      title: 'A 429 that speaks of capacity, as Chutes sends it, is an overload: tried again, then the fallback',
      upstreams: { main: 'at-capacity', spare: 'ok' },
      async run(play) {
        play.answered(await play.ask(), 'spare');
        await play.tries({ main: 3, spare: 1 });
      },
    },
    {
      id: 'quota',
      title: 'A spent quota: not tried again, and no client should',
      upstreams: { main: 'quota' },
      async run(play) {
        const answer = await play.ask();
        play.equal('the status', answer.status, 429);
        play.equal('the code', answer.error?.code, 'quota_exceeded');
        play.equal('x-should-retry', answer.headers['x-should-retry'], 'false');
        await play.tries({ main: 1 });
      },
    },
    {
      id: 'out-of-memory',
      title: 'A model out of memory is replaced by the next',
      upstreams: { main: 'out-of-memory', spare: 'ok' },
      async run(play) {
        play.answered(await play.ask({ max_tokens: 100 }), 'spare');
        await play.tries({ main: [1, 2], spare: 1 });
      },
    },
    {
      id: 'content-filter-finish',
      title: 'An answer that is nothing but a filter’s finish: 400, and nobody else is asked',
      upstreams: { main: 'filtered-finish', spare: 'ok' },
      async run(play) {
        for (const answer of [await play.ask(), await play.stream()]) {
          play.equal('the status', answer.status, 400);
          play.equal('the code', answer.error?.code, 'content_filtered');
        }
        await play.tries({ main: 2, spare: 0 });
      },
    },
    {
      id: 'dead-target',
      title: 'A dead target, 30 calls: its breaker keeps all but a few of them from it',
      upstreams: { main: '503', spare: 'ok' },
      async run(play) {
        let slowest = 0;
        for (let call = 0; call < 30; call += 1) {
          const answer = await play.ask({}, { quiet: true });
          play.answered(answer, 'spare');
          if (call >= 5) slowest = Math.max(slowest, answer.ms);
        }
        await play.tries({ main: [3, 8], spare: 30 });
        play.seen.push({ slowestAfterOpening: Math.round(slowest) });
      },
    },
  ];
}

/** @returns {import('./scenario.mjs').Scenario[]} */
function limits() {
  return [
    {
      id: '429-last',
      title: '429 with Retry-After 2 for ever, and nobody else: no sleep after the last try',
      upstreams: { main: 'rate-limit=2s' },
      async run(play) {
        const answer = await play.ask();
        play.equal('the status', answer.status, 429);
        play.check(Number(answer.headers['retry-after']) >= 1, `Retry-After is ${answer.headers['retry-after']}`);
        play.time('the time', answer.ms, 1_800, 3_000);
        await play.tries({ main: 2 });
      },
    },
    {
      id: '429-date',
      title: '429 with Retry-After as a date is waited for like any other',
      upstreams: { main: 'rate-limit-date=2s x1, ok' },
      async run(play) {
        const answer = await play.ask();
        play.answered(answer, 'main');
        // A date has whole seconds.
        play.time('the time', answer.ms, 900, 3_000);
        await play.tries({ main: 2 });
      },
    },
    {
      id: '429-long',
      title: '429 with Retry-After 90: the fallback at once',
      upstreams: { main: 'rate-limit=90s', spare: 'ok' },
      async run(play) {
        const answer = await play.ask();
        play.answered(answer, 'spare');
        play.time('the time', answer.ms, 0, 1_000);
        await play.tries({ main: 1, spare: 1 });
      },
    },
    {
      id: '429-long-alone',
      title: '429 with Retry-After 90 and nobody else: told at once, with the wait',
      upstreams: { main: 'rate-limit=90s' },
      async run(play) {
        const answer = await play.ask();
        play.equal('the status', answer.status, 429);
        play.between('Retry-After', Number(answer.headers['retry-after']), 85, 100);
        play.time('the time', answer.ms, 0, 1_000);
        await play.tries({ main: 1 });
      },
    },
    {
      id: 'hang-alone',
      title: 'A hang without a fallback: 504 at the limit, and one try',
      upstreams: { main: 'hang' },
      model: { timeouts: { firstContent: '1s', headers: '1500ms' } },
      async run(play) {
        const [streamed, whole] = await Promise.all([play.stream(), play.ask()]);
        for (const answer of [streamed, whole]) {
          play.equal('the status', answer.status, 504);
          play.equal('the code', answer.error?.code, 'inference_timeout');
        }
        play.time('the time of the stream', streamed.ms, 950, 1_400);
        play.time('the time of the whole', whole.ms, 1_450, 1_900);
        await play.tries({ main: 2 });
        for (const { left } of await play.asked('main')) play.check(left, 'the upstream still has our connection');
      },
    },
    {
      id: 'slow-body',
      title: 'Headers at once and the body 3 s later, with a limit of 300 ms: the fallback after 300 ms',
      upstreams: { main: 'slow-body=3s', spare: 'ok' },
      model: { timeouts: { gap: '300ms', firstContent: '300ms' } },
      async run(play) {
        const [whole, streamed] = await Promise.all([play.ask(), play.stream()]);
        for (const answer of [whole, streamed]) {
          play.answered(answer, 'spare');
          play.time('the time', answer.ms, 280, 1_000);
        }
        await play.tries({ main: 2, spare: 2 });
      },
    },
    {
      id: 'callers-limit',
      title: 'A caller’s own limit of 300 ms ends the call, and counts against nobody',
      upstreams: { main: 'slow-body=3s' },
      async run(play) {
        const answer = await play.ask({}, { headers: { 'x-request-timeout-ms': '300' } });
        play.equal('the status', answer.status, 504);
        play.time('the time', answer.ms, 280, 600);
        await play.tries({ main: 1 });
      },
    },
  ];
}

/** @returns {import('./scenario.mjs').Scenario[]} */
function bodies() {
  const kinds = {
    'bad-json': '200 with invalid JSON',
    'truncated-json': '200 with half a body',
    'empty-body': '200 with nothing',
    html: '200 with an HTML page',
    'error-in-200': '200 with an error body, as OpenRouter sends it',
    'empty-choices': '200 with an empty list of choices',
    'error-frame': 'An error as the first event',
    'html-error': '502 with an HTML page',
  };
  return Object.entries(kinds).map(([fault, what]) => ({
    id: fault,
    title: `${what}: no answer; the second target is tried`,
    upstreams: { main: fault, spare: 'ok' },
    async run(play) {
      play.answered(await play.ask(), 'spare');
      play.answered(await play.stream(), 'spare');
      const tries = await play.asked('main');
      play.between('the tries at main', tries.length, 2, 6);
    },
  }));
}

/** @returns {import('./scenario.mjs').Scenario[]} */
function streams() {
  return [
    {
      id: 'hedged',
      title: 'A stream is late, and hedging is on: the second target is asked beside the first, and is heard',
      upstreams: { main: 'ok x20, first-token-after=20s', spare: 'ok' },
      model: { hedge: { after: '1s' } },
      async run(play) {
        for (let call = 0; call < 20; call += 1) play.answered(await play.stream({}, { quiet: true }), 'main');
        const answer = await play.stream();
        play.answered(answer, 'spare');
        play.time('the time', answer.ms, 950, 5_000);
        await play.tries({ main: 21, spare: 1 });
        const slow = (await play.asked('main')).at(-1);
        play.check(slow.left === true, 'the first target still has our connection');
      },
    },
    {
      id: 'half-memory',
      title: 'The memory of the first target runs out once: it is asked for half of the tokens, and the answer says so',
      upstreams: { main: 'out-of-memory x1, ok', spare: 'ok' },
      async run(play) {
        const answer = await play.ask({ max_tokens: 400 });
        play.answered(answer, 'main');
        play.equal('what is less', answer.headers['x-ripstop-degraded'], 'max_tokens');
        await play.tries({ main: 2, spare: 0 });
      },
    },
    {
      id: 'bad-frames',
      title: 'Three bad frames in a row: no answer that can be read',
      upstreams: { main: 'bad-frames-at=0', spare: 'ok' },
      async run(play) {
        play.answered(await play.stream(), 'spare');
      },
    },
    ...[
      ['cut-early', 'cut-after=3', 'A stream that is cut after 3 words', 3],
      ['reset-early', 'reset-after=3', 'A stream that is reset after 3 words', 3],
      ['end-early', 'end-after=3', 'A stream that ends after 3 words without a finish', 3],
      ['stall', 'silent-after=2', 'A stream that stalls after 2 words', 2],
      ['error-frame-late', 'error-frame-after=3', 'An error frame after 3 words', 3],
      ['bare-error', 'bare-error-after=3', 'A bare JSON error after 3 words, as Chutes sends it', 3],
    ].map(([id, scene, what, words]) => ({
      id,
      title: `${what}: told as an error where it must not be resumed`,
      upstreams: { main: scene, spare: 'ok' },
      model: { timeouts: { gap: '1s' } },
      async run(play) {
        const answer = await play.stream(tools);
        play.equal('the status', answer.status, 200);
        play.equal('the words', answer.words, words);
        play.check(answer.error !== undefined, 'the client sees no error');
        play.check(!answer.done, 'there is a [DONE]');
        play.equal('the finish reason', answer.finish, 'error');
        play.time('the time', answer.ms, 0, 2_500);
        await play.tries({ main: 1, spare: 0 });
        const [{ ms }] = await play.asked('main');
        play.check(ms !== undefined, 'the upstream still has our connection');
      },
    })),
    ...[
      ['cut-early-text', 'cut-after=3', 'A plain text that is cut after 3 words'],
      ['stall-text', 'silent-after=2', 'A plain text that stalls after 2 words'],
      ['error-frame-text', 'error-frame-after=20', 'An error frame after 20 words of plain text'],
      ['bare-error-text', 'bare-error-after=20', 'A bare JSON error after 20 words of plain text, as Chutes sends it'],
    ].map(([id, scene, what]) => ({
      id,
      title: `${what}: resumed, all words and none twice`,
      upstreams: { main: scene, spare: 'ok' },
      model: { timeouts: { gap: '1s' } },
      async run(play) {
        play.answered(await play.stream(), 'spare');
        await play.tries({ main: 1, spare: 1 });
      },
    })),
    {
      id: 'other-words',
      title: 'A text that cannot be resumed, since the next target says it otherwise: an error frame, nothing made up',
      upstreams: { main: 'cut-after=40', spare: 'other-answer' },
      async run(play) {
        const answer = await play.stream();
        play.equal('the words', answer.words, 40);
        play.equal('the code', answer.error?.code, 'stream_interrupted');
        play.check(!answer.done, 'there is a [DONE]');
      },
    },
    {
      id: 'slow-words',
      title: 'A slow stream within its limits is left alone',
      upstreams: { main: 'slow-words=40ms', spare: 'ok' },
      async run(play) {
        const answer = await play.stream();
        play.answered(answer, 'main');
        play.time('the time', answer.ms, 2_000, 6_000);
        await play.tries({ main: 1, spare: 0 });
      },
    },
  ];
}
