/** Fallbacks, queues and shared calls: cockatiel's and opossum's beside ours. */
import * as cockatiel from 'cockatiel';
import { bulkhead, coalesce, fallback } from 'ripstop';
import { virtualRuntime } from 'ripstop/testing';
import { expect } from 'vitest';
import { down, fails, never, opossum, outcome, pause, type Shown } from './theirs.js';

export const standingIn: Shown = {
  async 'A caller who has left gets no fallback'() {
    const caller = new AbortController();
    const leaves = (): Promise<never> => {
      caller.abort('left');
      return fails();
    };
    const theirs = cockatiel.fallback(cockatiel.handleAll, 'later');
    expect(await theirs.execute(leaves, caller.signal)).toBe('later');
    const again = new AbortController();
    const ours = fallback('later').execute(
      () => {
        again.abort('left');
        return fails();
      },
      { signal: again.signal },
    );
    expect(await outcome(ours)).toBe('left');
  },

  async 'A bug gets no fallback'() {
    const bug = new TypeError('x is not a function');
    const broken = (): Promise<never> => Promise.reject(bug);
    expect(await cockatiel.fallback(cockatiel.handleAll, 'later').execute(broken)).toBe('later');
    const others = opossum(broken);
    others.fallback(() => 'later');
    expect(await others.fire()).toBe('later');
    expect(await outcome(fallback('later').execute(broken))).toBe(bug);
  },

  async 'A fallback that fails hides nothing'() {
    const second = new Error('the stand-in failed too');
    const standIn = (): Promise<never> => Promise.reject(second);
    expect(await outcome(cockatiel.fallback(cockatiel.handleAll, standIn).execute(fails))).toBe(second);
    const others = opossum(fails);
    others.fallback(standIn);
    expect(await outcome(others.fire())).toBe(second);
    const ours = await outcome(fallback(standIn).execute(fails));
    expect(ours).toBeInstanceOf(AggregateError);
    expect(ours).toMatchObject({ errors: [down, second], cause: down });
  },

  async 'Who waits in a queue can leave it'() {
    const caller = new AbortController();
    const theirs = cockatiel.bulkhead(1, 1);
    void theirs.execute(() => never);
    const theirWait = outcome(theirs.execute(() => 'done', caller.signal));
    const ours = bulkhead({ limit: 1, maxQueue: 1 });
    void outcome(ours.execute(() => never));
    const ourWait = outcome(ours.execute(() => 'done', { signal: caller.signal }));
    caller.abort('left');
    expect(await Promise.race([theirWait, pause(30).then(() => 'still waiting')])).toBe('still waiting');
    expect(theirs.queueSlots).toBe(0);
    expect(await ourWait).toBe('left');
    expect(ours.waiting).toBe(0);
  },

  async 'Nobody waits in a queue for ever'() {
    const theirs = cockatiel.bulkhead(1, 1);
    void theirs.execute(() => never);
    const theirWait = outcome(theirs.execute(() => 'done'));
    const runtime = virtualRuntime();
    const ours = bulkhead({ limit: 1, maxQueue: 1 }, runtime);
    void outcome(ours.execute(() => never));
    const ourWait = outcome(ours.execute(() => 'done'));
    await runtime.clock.advance(2_000);
    expect(await ourWait).toMatchObject({ details: { reason: 'queue_timeout' } });
    expect(await Promise.race([theirWait, pause(10).then(() => 'still waiting')])).toBe('still waiting');
  },

  async 'Only a call in flight is shared'() {
    let [theirCalls, ourCalls] = [0, 0];
    const theirs = opossum(() => ((theirCalls += 1), fails()), {
      coalesce: true,
      coalesceTTL: 60_000,
      volumeThreshold: 9,
    });
    const ours = coalesce();
    for (let call = 0; call < 2; call += 1) {
      expect(await outcome(theirs.fire('same'))).toBe(down);
      expect(await outcome(ours.execute(() => ((ourCalls += 1), fails()), { key: 'same' }))).toBe(down);
    }
    expect([theirCalls, ourCalls]).toEqual([1, 2]);
  },
};
