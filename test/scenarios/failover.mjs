/** S01–S16: how a gateway with one fallback treats each way of failing. The unscaled ones take real time. */
import { setTimeout as pause } from 'node:timers/promises';

/** Timers and scenes of real length, or a tenth of it for `npm test`. */
const lengths = {
  real: { scale: 1, silence: '120s', late: '20s', outage: '60s', model: {}, cooldown: '2s' },
  scaled: {
    scale: 0.1,
    silence: '12s',
    late: '2s',
    // Cooldowns double and end at 10 s, whatever the scale: a longer one would leave the last trial to chance.
    outage: '3s',
    model: { timeouts: { firstContent: '1s', gap: '1s', headers: '1s' } },
    cooldown: '200ms',
  },
};

/**
 * @param {'real' | 'scaled'} length
 * @returns {import('./scenario.mjs').Scenario[]}
 */
export function failover(length) {
  const { scale, silence, late, outage, model, cooldown } = lengths[length];
  const seconds = (count) => count * 1_000 * scale;
  return [
    {
      id: 'S01',
      title: 'One 429 with a wait of 2 s: two tries, apart by the wait',
      upstreams: { main: 'rate-limit=2s x1, ok', spare: 'ok' },
      async run(play) {
        play.answered(await play.stream(), 'main');
        await play.tries({ main: 2, spare: 0 });
        const [first, second] = await play.asked('main');
        play.time('the gap', second.atMs - first.atMs, 1_800, 3_000);
      },
    },
    {
      id: 'S02',
      title: '429 for ever: few tries, then the fallback answers',
      upstreams: { main: 'rate-limit=2s', spare: 'ok' },
      async run(play) {
        const answer = await play.stream();
        play.answered(answer, 'spare');
        const tries = await play.asked('main');
        play.between('the tries within 3 s', tries.filter(({ atMs }) => atMs - tries[0].atMs <= 3_000).length, 1, 4);
        await play.tries({ main: [1, 6], spare: 1 });
      },
    },
    {
      id: 'S03',
      title: 'One 500: the same target answers',
      upstreams: { main: '500 x1, ok', spare: 'ok' },
      async run(play) {
        play.answered(await play.stream(), 'main');
        await play.tries({ main: 2, spare: 0 });
      },
    },
    {
      id: 'S04',
      title: '503 for ever: the fallback answers, and is named',
      upstreams: { main: '503', spare: 'ok' },
      async run(play) {
        const answer = await play.ask();
        play.answered(answer, 'spare');
        play.check(answer.usage?.total_tokens > 0, 'there is no usage');
        play.equal('X-Ripstop-Fallback', answer.headers['x-ripstop-fallback'], 'true');
        await play.tries({ main: [1, 3], spare: 1 });
      },
    },
    {
      id: 'S05',
      title: 'A connection reset before the headers: answered',
      upstreams: { main: 'reset x1, ok', spare: 'ok' },
      async run(play) {
        play.answered(await play.stream(), 'main');
        await play.tries({ main: 2 });
      },
    },
    {
      id: 'S06',
      title: 'Silence: one try, then the fallback',
      upstreams: { main: `silence=${silence}`, spare: 'ok' },
      model,
      scale,
      async run(play) {
        const [streamed, whole] = await Promise.all([play.stream(), play.ask()]);
        play.answered(streamed, 'spare');
        play.answered(whole, 'spare');
        play.time('the time of the stream', streamed.ms, 0, seconds(15));
        play.time('the time of the whole', whole.ms, 0, seconds(70));
        await play.tries({ main: 2, spare: 2 });
      },
    },
    {
      id: 'S07',
      title: 'A first token after 20 s: the fallback, within 15 s in all',
      upstreams: { main: `first-token-after=${late}`, spare: 'ok' },
      model,
      scale,
      async run(play) {
        const answer = await play.stream();
        play.answered(answer, 'spare');
        play.time('the time', answer.ms, 0, seconds(15));
        await play.tries({ main: 1, spare: 1 });
      },
    },
    {
      id: 'S08',
      title: 'A stream cut after 40 of 60 words: all 60, none twice',
      upstreams: { main: 'cut-after=40', spare: { scene: 'ok', prefill: true } },
      async run(play) {
        play.answered(await play.stream(), 'spare');
        await play.tries({ main: 1, spare: 1 });
      },
    },
    {
      id: 'S09',
      title: 'Silence after 20 words: the same, within 45 s, and the next call is fine',
      upstreams: { main: 'silent-after=20 x1, ok', spare: { scene: 'ok', prefill: true } },
      model,
      scale,
      async run(play) {
        const answer = await play.stream();
        play.answered(answer, 'spare');
        play.time('the time', answer.ms, 0, seconds(45));
        play.answered(await play.stream(), 'main');
      },
    },
    {
      id: 'S10',
      title: 'A bad frame in the middle: the full answer',
      upstreams: { main: 'bad-frame-at=10', spare: 'ok' },
      async run(play) {
        play.answered(await play.stream(), 'main');
        await play.tries({ main: 1, spare: 0 });
      },
    },
    {
      id: 'S11',
      title: 'No [DONE]: it ends within 8 s, with its usage',
      upstreams: { main: 'no-done x1, never-ends', spare: 'ok' },
      async run(play) {
        for (const end of ['a closed', 'an open']) {
          const answer = await play.stream();
          play.answered(answer, 'main');
          play.check(answer.usage?.total_tokens > 0, `on ${end} connection there is no usage`);
          play.time(`the time on ${end} connection`, answer.ms, 0, 8_000);
        }
        await play.tries({ main: 2, spare: 0 });
      },
    },
    {
      id: 'S12',
      title: 'Too long for the model: one try, then the larger one',
      upstreams: { main: { scene: 'context-overflow', contextLength: 8_192 }, spare: { contextLength: 32_768 } },
      async run(play) {
        play.answered(await play.stream(), 'spare');
        await play.tries({ main: 1, spare: 1 });
      },
    },
    {
      id: 'S13',
      title: 'Filtered content: one try, a clean error, the reason kept',
      upstreams: { main: 'content-filter', spare: 'ok' },
      async run(play) {
        const answer = await play.stream();
        play.equal('the status', answer.status, 400);
        play.equal('the code', answer.error?.code, 'content_filtered');
        play.check(/violence/.test(answer.error?.message), `the reason is lost: ${answer.error?.message}`);
        await play.tries({ main: 1, spare: 0 });
      },
    },
    {
      id: 'S14',
      title: 'As S08, with a fallback that refuses prefill: the full answer, and no word of the refusal',
      upstreams: { main: 'cut-after=40', spare: { scene: 'no-prefill', prefill: true } },
      async run(play) {
        play.answered(await play.stream(), 'spare');
        await play.tries({ main: 1, spare: 2 });
      },
    },
    {
      id: 'S15',
      title: '503 for a minute: every call served, few of them tried there, and used again soon after',
      upstreams: { main: `503 for ${outage}, ok`, spare: 'ok' },
      model: { breaker: { cooldown } },
      scale,
      async run(play) {
        const calls = [];
        const outageMs = Number.parseInt(outage, 10) * 1_000;
        const startedAt = performance.now();
        for (let call = 0; call < 20; call += 1) {
          calls.push(play.stream({}, { quiet: true }));
          await pause(seconds(4));
        }
        const answers = await Promise.all(calls);
        play.seen.push({ servedBy: answers.map(({ model: served }) => served?.split('-').at(-1)).join(' ') });
        for (const answer of answers) play.answered(answer, answer.model === play.name('main') ? 'main' : 'spare');
        const tries = await play.asked('main');
        const failed = tries.filter(({ fault }) => fault !== 'ok');
        play.between('the tries at the primary in 20 calls', failed.length, 1, 20);
        const back = tries.find(({ fault }) => fault === 'ok');
        play.check(back !== undefined, 'the primary was never used again');
        play.time('its return', (back?.atMs ?? Infinity) - tries[0].atMs, outageMs, outageMs + seconds(30));
        play.seen.push({ failedTries: failed.length, seconds: Math.round((performance.now() - startedAt) / 1_000) });
      },
    },
    {
      id: 'S16',
      title: '503 for ever on a stream: the fallback answers, with usage',
      upstreams: { main: '503', spare: 'ok' },
      async run(play) {
        const answer = await play.stream();
        play.answered(answer, 'spare');
        play.check(answer.usage?.total_tokens > 0, 'there is no usage');
        play.check(answer.done, 'there is no [DONE]');
        await play.tries({ main: [1, 3], spare: 1 });
      },
    },
  ];
}
