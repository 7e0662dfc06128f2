import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairLine, type Place } from './fair-line.js';

function lineOf(...places: readonly (readonly [key: string, rank: number])[]): FairLine<Place> {
  const line = new FairLine<Place>();
  for (const [key, rank] of places) line.add({ key, rank });
  return line;
}

function order(line: FairLine<Place>): string[] {
  const served: string[] = [];
  for (let place = line.next(); place !== undefined; place = line.next()) served.push(`${place.key}${place.rank}`);
  return served;
}

test('GW15: of one key the lower rank goes first, and equals in the order in which they came', () => {
  const line = new FairLine<Place & { readonly name: string }>();
  for (const [name, rank] of [
    ['late', 5],
    ['first', 1],
    ['second', 1],
    ['middle', 3],
  ] as const)
    line.add({ key: 'a', rank, name });
  const names = [line.next(), line.next(), line.next(), line.next()].map((place) => place?.name);
  expect(names).toEqual(['first', 'second', 'middle', 'late']);
  expect(line.next()).toBeUndefined();
});

test('GW15: keys take turns, however many places each has, and rank decides within a turn', () => {
  const line = lineOf(['a', 1], ['a', 2], ['a', 3], ['b', 9], ['c', 0]);
  expect(order(line)).toEqual(['c0', 'a1', 'b9', 'a2', 'a3']);
});

test('GW15: a key that comes back at once does not get a second turn in the same round', () => {
  const line = lineOf(['a', 5], ['b', 1]);
  expect(line.next()?.key).toBe('b');
  line.add({ key: 'b', rank: 0 });
  expect(line.next()?.key).toBe('a');
  expect(line.next()?.key).toBe('b');
});

test('turns that a key let pass are not saved up', () => {
  const line = lineOf(['a', 1], ['a', 2], ['a', 3], ['a', 4]);
  line.next();
  line.next();
  line.add({ key: 'b', rank: 5 });
  line.add({ key: 'b', rank: 6 });
  expect(order(line)).toEqual(['b5', 'a3', 'b6', 'a4']);
});

test('one who leaves is out, and leaving twice changes nothing', () => {
  const line = lineOf(['a', 1]);
  const leaver = { key: 'a', rank: 0 };
  line.add(leaver);
  line.remove(leaver);
  line.remove(leaver);
  line.remove({ key: 'stranger', rank: 0 });
  expect(line.length).toBe(1);
  expect(order(line)).toEqual(['a1']);
});

test('GW15: room is made by the key that has most places, and by its last', () => {
  const line = lineOf(['a', 1], ['a', 2], ['a', 3], ['b', 9]);
  expect(line.dispensable({ key: 'b', rank: 10 })).toMatchObject({ key: 'a', rank: 3 });
  expect(line.dispensable({ key: 'c', rank: 10 })).toMatchObject({ key: 'a', rank: 3 });
});

test('of the key that has most places a more urgent newcomer takes the place of its last, and no other does', () => {
  const line = lineOf(['a', 1], ['a', 5]);
  expect(line.dispensable({ key: 'a', rank: 2 })).toMatchObject({ rank: 5 });
  expect(line.dispensable({ key: 'a', rank: 6 })).toBeUndefined();
});

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('add'), key: fc.constantFrom('a', 'b', 'c'), lead: fc.nat(9) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('next') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave'), which: fc.nat(50) }) },
);

test('GW15: nobody starves: whoever waits is passed by bounded leads and by two turns of every other key at most', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const line = new FairLine<Place & { readonly at: number }>();
      const waiting: (Place & { readonly at: number })[] = [];
      /** For each key that waits: how often each other key was served since it began to wait, or since its last turn. */
      const passes = new Map<string, Map<string, number>>();
      steps.forEach((one, at) => {
        if (one.kind === 'add') {
          const { key, lead } = one as { key: string; lead: number };
          const place = { key, rank: at - lead, at };
          if (!waiting.some((other) => other.key === key)) passes.set(key, new Map());
          line.add(place);
          waiting.push(place);
        } else if (one.kind === 'leave') {
          const [leaver] = waiting.splice((one as { which: number }).which, 1);
          if (leaver !== undefined) line.remove(leaver);
        } else {
          const served = line.next();
          expect(served === undefined).toBe(waiting.length === 0);
          if (served === undefined) return;
          waiting.splice(waiting.indexOf(served), 1);
          for (const other of waiting.filter(({ key }) => key === served.key)) {
            expect(served.at - other.at, 'a later one passed by more than its lead').toBeLessThanOrEqual(9);
          }
          passes.set(served.key, new Map());
          for (const key of new Set(waiting.map((place) => place.key))) {
            if (key === served.key) continue;
            const counts = passes.get(key) ?? new Map<string, number>();
            counts.set(served.key, (counts.get(served.key) ?? 0) + 1);
            expect(counts.get(served.key), 'turns of another key').toBeLessThanOrEqual(2);
          }
        }
        expect(line.length).toBe(waiting.length);
      });
    }),
    { numRuns: 500 },
  );
});
