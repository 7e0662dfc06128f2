import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../call/runtime.js';
import { acceptWindow } from './accept-window.js';

/** A clock that a test moves by hand, also backwards. */
function handClock(): Clock & { time: number } {
  return {
    time: 0,
    now() {
      return this.time;
    },
    date: () => new Date(0),
    after: () => ({ cancel: () => undefined }),
  };
}

interface Entry {
  readonly ticket: number;
  counted: 'accepted' | 'refused' | 'not';
}

const widthMs = 10;
const step = fc.record({
  passMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 150 })),
  action: fc.constantFrom('admit', 'turnAway', 'refused', 'forget'),
  which: fc.nat(),
});

describe('the window', () => {
  test('counts what a list of all calls would, whenever they are settled', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const clock = handClock();
        const window = acceptWindow(10 * widthMs, clock);
        const entries: Entry[] = [];
        const running: Entry[] = [];
        const epoch = (): number => Math.floor(clock.time / widthMs);
        for (const { passMs, action, which } of steps) {
          clock.time += passMs;
          if (action === 'turnAway') {
            window.turnAway();
            entries.push({ ticket: epoch(), counted: 'refused' });
          } else if (action === 'admit' || running.length === 0) {
            const entry: Entry = { ticket: window.admit(), counted: 'accepted' };
            expect(entry.ticket).toBe(epoch());
            entries.push(entry);
            running.push(entry);
          } else {
            const [entry] = running.splice(which % running.length, 1) as [Entry];
            window[action](entry.ticket);
            if (action === 'refused' && epoch() - entry.ticket >= 10) {
              entries.push({ ticket: epoch(), counted: 'refused' });
            }
            entry.counted = action === 'refused' ? 'refused' : 'not';
          }
          const live = entries.filter(({ ticket }) => epoch() - ticket < 10);
          expect(window.requests).toBe(live.filter(({ counted }) => counted !== 'not').length);
          expect(window.accepts).toBe(live.filter(({ counted }) => counted === 'accepted').length);
        }
      }),
    );
  });

  test('B14: a gap as long as itself empties it', () => {
    const clock = handClock();
    const window = acceptWindow(100, clock);
    for (let call = 0; call < 5; call += 1) window.turnAway();
    clock.time = 99;
    expect(window.requests).toBe(5);
    clock.time = 100;
    expect(window.requests).toBe(0);
  });

  test('a clock that goes back loses nothing', () => {
    const clock = handClock();
    clock.time = 500;
    const window = acceptWindow(100, clock);
    const ticket = window.admit();
    clock.time = 0;
    window.refused(ticket);
    window.turnAway();
    expect([window.requests, window.accepts]).toEqual([2, 0]);
    clock.time = 500;
    expect([window.requests, window.accepts]).toEqual([2, 0]);
  });

  test('must be above 0; an endless one forgets nothing', () => {
    expect(() => acceptWindow(0, handClock())).toThrow(new RangeError('windowMs must be above 0, got 0'));
    const clock = handClock();
    const window = acceptWindow(Number.POSITIVE_INFINITY, clock);
    window.admit();
    clock.time = 1e12;
    expect([window.requests, window.accepts]).toEqual([1, 1]);
  });
});
