import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { recordingContext } from '../../testing/recording-context.js';
import { seededRandom } from '../../testing/virtual-runtime.js';
import { type BackoffOptions, backoffDefaults, createBackoff, type Jitter } from './backoff.js';

const least = (): number => 0;
const most = (): number => 1 - Number.EPSILON;

function backoffOf(options: BackoffOptions, random: () => number): (retry: number, previousMs: number) => number {
  const backoff = createBackoff(options, random);
  const context = recordingContext();
  return (retry, previousMs) => backoff(retry, previousMs, context);
}

/** The delays before the first `count` retries. */
function delays(options: BackoffOptions, random: () => number, count: number): number[] {
  const backoff = backoffOf(options, random);
  const found: number[] = [];
  for (let retry = 1; retry <= count; retry += 1) found.push(backoff(retry, found.at(-1) ?? 0));
  return found;
}

describe('without jitter', () => {
  test('R44: delays are 1, 2 and 4 seconds by default, and never more than 60', () => {
    expect(delays({ jitter: 'none' }, least, 8)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  test('R44: every delay is min(base × factor^n, cap)', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 10_000, noNaN: true }),
        fc.double({ min: 1, max: 10, noNaN: true }),
        fc.double({ min: 1, max: 100_000, noNaN: true }),
        fc.integer({ min: 1, max: 1_000_000 }),
        (baseDelayMs, factor, maxDelayMs, retry) => {
          const backoff = backoffOf({ baseDelayMs, factor, maxDelayMs, jitter: 'none' }, least);
          expect(backoff(retry, 0)).toBe(Math.min(maxDelayMs, baseDelayMs * factor ** (retry - 1)));
        },
      ),
    );
  });

  test('a base of 0 means no delay, however late the retry', () => {
    expect(delays({ baseDelayMs: 0, jitter: 'none', maxDelayMs: 10 }, least, 3)).toEqual([0, 0, 0]);
    expect(backoffOf({ baseDelayMs: 0 }, most)(1_000_000, 0)).toBe(0);
  });
});

describe('growth', () => {
  test('R44: it is exponential by default', () => {
    expect(backoffDefaults.backoff).toBe('exponential');
    const plain = { jitter: 'none', baseDelayMs: 10, factor: 3 } as const;
    expect(delays({ ...plain, backoff: 'exponential' }, least, 4)).toEqual(delays(plain, least, 4));
  });

  test('linear delays are 1, 2, 3 times the base, constant ones all the base, whatever the factor', () => {
    const options = { jitter: 'none', baseDelayMs: 300, maxDelayMs: 1_000, factor: 7 } as const;
    expect(delays({ ...options, backoff: 'linear' }, least, 5)).toEqual([300, 600, 900, 1_000, 1_000]);
    expect(delays({ ...options, backoff: 'constant' }, least, 3)).toEqual([300, 300, 300]);
    expect(delays({ ...options, backoff: 'constant', maxDelayMs: 200 }, least, 2)).toEqual([200, 200]);
  });

  test('a function gives the delays, from the number of the retry and the delay before', () => {
    const asked: number[][] = [];
    const backoff = (retry: number, previousMs: number): number => {
      asked.push([retry, previousMs]);
      return retry === 4 ? 0 : 17.25 * retry + previousMs;
    };
    expect(delays({ backoff, jitter: 'none', maxDelayMs: 100 }, least, 4)).toEqual([17.25, 51.75, 100, 0]);
    expect(asked).toEqual([
      [1, 0],
      [2, 17.25],
      [3, 51.75],
      [4, 100],
    ]);
  });

  test('a function may ask for the cap by `Infinity`', () => {
    expect(delays({ backoff: () => Number.POSITIVE_INFINITY, jitter: 'none' }, least, 1)).toEqual([60_000]);
  });

  test('decorrelated jitter grows by itself, and asks no function', () => {
    const backoff = (): number => expect.unreachable('it was asked');
    const drawn = (options: BackoffOptions): number[] =>
      delays({ ...options, jitter: 'decorrelated' }, seededRandom(5), 6);
    expect(drawn({ backoff })).toEqual(drawn({}));
    expect(drawn({ backoff: 'constant' })).toEqual(drawn({}));
  });

  test.each([
    ['gives NaN', () => Number.NaN, 'backoff must be 0 or above, got NaN'],
    ['gives a negative number', () => -1, 'backoff must be 0 or above, got -1'],
    ['gives no number', () => '5' as unknown as number, 'backoff must be 0 or above, got "5"'],
  ])('G5 G7: a function that %s is reported, and the delay is the exponential one', (_, backoff, message) => {
    const context = recordingContext();
    const delayMs = createBackoff({ backoff, baseDelayMs: 10, jitter: 'none' }, least)(3, 20, context);
    expect(delayMs).toBe(40);
    expect(context.events).toEqual([{ type: 'listener.failed', error: new RangeError(message) }]);
  });

  test('G5: a function that throws is reported, and the delay is the exponential one, cap and jitter included', () => {
    const bug = new TypeError('x is not a function');
    const context = recordingContext();
    const backoff = (): never => {
      throw bug;
    };
    const options = { backoff, baseDelayMs: 10, maxDelayMs: 30, jitter: 'equal' } as const;
    expect(createBackoff(options, least)(3, 20, context)).toBe(15);
    expect(context.events).toEqual([{ type: 'listener.failed', error: bug }]);
  });
});

/** Where the delays of a jitter must lie, given the delay without jitter and the delay before. */
const ranges: Record<Jitter, (plain: number, previous: number, base: number, cap: number) => [number, number]> = {
  full: (plain) => [0, plain],
  equal: (plain) => [plain / 2, plain],
  decorrelated: (_plain, previous, base, cap) => [Math.min(base, cap), Math.min(cap, 3 * Math.max(base, previous))],
  none: (plain) => [plain, plain],
};

describe('jitter', () => {
  test('R45 D29: it is full by default: anywhere from 0 to the delay', () => {
    expect(backoffDefaults.jitter).toBe('full');
    expect(backoffOf({}, least)(3, 0)).toBe(0);
    expect(backoffOf({}, () => 0.5)(3, 0)).toBe(2_000);
    expect(backoffOf({}, most)(3, 0)).toBeCloseTo(4_000, 6);
  });

  test('R45: `equal` keeps the half of the delay that the guide keeps', () => {
    expect(backoffOf({ jitter: 'equal' }, least)(2, 0)).toBe(1_000);
    expect(backoffOf({ jitter: 'equal' }, most)(2, 0)).toBeCloseTo(2_000, 6);
  });

  test.each<Jitter>(['full', 'equal', 'decorrelated', 'none'])(
    'RT11: `%s` stays inside its range and reaches both ends of it, for every retry up to a million',
    (jitter) => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 1_000_000 }),
          fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
          fc.double({ min: 0, max: 60_000, noNaN: true }),
          (retry, chance, previous) => {
            const at = (random: () => number): number => backoffOf({ jitter }, random)(retry, previous);
            const plain = Math.min(60_000, 1_000 * 2 ** (retry - 1));
            const [low, high] = ranges[jitter](plain, previous, 1_000, 60_000);
            expect(at(() => chance)).toBeGreaterThanOrEqual(low);
            expect(at(() => chance)).toBeLessThanOrEqual(high);
            expect(at(least)).toBeCloseTo(low, 6);
            expect(at(most)).toBeCloseTo(high, 6);
          },
        ),
      );
    },
  );

  test('RT11: so does every jitter around every growth, after the cap', () => {
    const growths: Record<string, (retry: number) => number> = {
      linear: (retry) => 1_000 * retry,
      constant: () => 1_000,
      function: (retry) => (retry % 1_000) ** 2,
    };
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(growths)),
        fc.constantFrom<Jitter>('full', 'equal', 'decorrelated', 'none'),
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.double({ min: 0, max: 60_000, noNaN: true }),
        (name, jitter, retry, previous) => {
          const growth = growths[name] ?? expect.unreachable();
          const backoff = name === 'function' ? growth : (name as 'linear' | 'constant');
          const at = (random: () => number): number => backoffOf({ backoff, jitter }, random)(retry, previous);
          const [low, high] = ranges[jitter](Math.min(60_000, growth(retry)), previous, 1_000, 60_000);
          expect(at(least)).toBeCloseTo(low, 6);
          expect(at(most)).toBeCloseTo(high, 6);
        },
      ),
    );
  });

  test.each<Jitter>(['full', 'equal', 'decorrelated'])(
    'RT11: at the cap `%s` still spreads callers evenly, rather than piling them up on the longest delay',
    (jitter) => {
      const backoff = backoffOf({ jitter }, seededRandom(7));
      const drawn = Array.from({ length: 2_000 }, () => backoff(1_000_000, 60_000));
      const [low, high] = ranges[jitter](60_000, 60_000, 1_000, 60_000);
      for (let tenth = 0; tenth < 10; tenth += 1) {
        const from = low + ((high - low) * tenth) / 10;
        const share = drawn.filter((ms) => ms >= from && ms < from + (high - low) / 10).length / drawn.length;
        expect(share).toBeGreaterThan(0.07);
        expect(share).toBeLessThan(0.13);
      }
    },
  );

  test('D29: callers that failed together do not come back together, not even the first time', () => {
    for (const jitter of ['full', 'equal', 'decorrelated'] as const) {
      const backoff = backoffOf({ jitter }, seededRandom(3));
      const first = Array.from({ length: 100 }, () => backoff(1, 0));
      expect(new Set(first).size).toBe(100);
    }
  });
});

test('a factor of 1 never grows', () => {
  const backoff = backoffOf({ factor: 1, jitter: 'none' }, least);
  expect([backoff(1, 0), backoff(1_000_000, 1_000)]).toEqual([1_000, 1_000]);
});

describe('bad options', () => {
  test.each([
    [{ baseDelayMs: -1 }, 'baseDelayMs must be 0 or above, got -1'],
    [{ baseDelayMs: Number.NaN }, 'baseDelayMs must be 0 or above, got NaN'],
    [{ baseDelayMs: Number.POSITIVE_INFINITY }, 'baseDelayMs must be finite, got Infinity'],
    [{ maxDelayMs: -5 }, 'maxDelayMs must be 0 or above, got -5'],
    [{ maxDelayMs: Number.NaN }, 'maxDelayMs must be 0 or above, got NaN'],
    [{ factor: 0.5 }, 'factor must be 1 or above, got 0.5'],
    [{ factor: Number.NaN }, 'factor must be 1 or above, got NaN'],
    [{ backoff: 'square' as 'linear' }, 'backoff must be one of exponential, linear, constant, got "square"'],
    [{ jitter: 'some' as Jitter }, 'jitter must be one of full, equal, decorrelated, none, got "some"'],
  ])('G7 D32: %o is refused with the option, the rule and the value', (options, message) => {
    expect(() => backoffOf(options, least)).toThrow(new RangeError(message));
  });

  test('G7: without a cap no delay is ever NaN, so that none can fire at once by mistake', () => {
    for (const random of [least, most]) {
      for (const jitter of ['full', 'equal', 'decorrelated', 'none'] as const) {
        const backoff = backoffOf({ maxDelayMs: Number.POSITIVE_INFINITY, jitter }, random);
        expect(backoff(1_000_000, 1e300)).not.toBeNaN();
      }
    }
  });
});
