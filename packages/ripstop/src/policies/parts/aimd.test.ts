import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Aimd } from './aimd.js';

const settings = { minLimit: 2, maxLimit: 30, initialLimit: 20, backoffRatio: 0.9 };

test('grows by one for each success while it has never been too high', () => {
  const aimd = new Aimd(settings);
  for (let call = 0; call < 5; call += 1) aimd.succeeded(0, 20);
  expect(aimd.limit).toBe(25);
  for (let call = 0; call < 50; call += 1) aimd.succeeded(0, 30);
  expect(aimd.limit).toBe(30);
});

test('grows by one for as many successes as the limit once it has been too high', () => {
  const aimd = new Aimd(settings);
  aimd.overloaded(0);
  expect(aimd.limit).toBe(18);
  for (let call = 0; call < 17; call += 1) aimd.succeeded(1, 18);
  expect(aimd.limit).toBe(18);
  aimd.succeeded(1, 18);
  expect(aimd.limit).toBe(19);
  for (let call = 0; call < 18; call += 1) aimd.succeeded(1, 18);
  expect(aimd.limit).toBe(19);
});

test('begins to count anew after a cut', () => {
  const aimd = new Aimd(settings);
  aimd.overloaded(0);
  for (let call = 0; call < 17; call += 1) aimd.succeeded(1, 18);
  aimd.overloaded(1);
  for (let call = 0; call < 15; call += 1) aimd.succeeded(2, 16);
  expect(aimd.limit).toBe(16);
  aimd.succeeded(2, 16);
  expect(aimd.limit).toBe(17);
});

test('does not grow while less than half of it is in use', () => {
  const aimd = new Aimd(settings);
  for (let call = 0; call < 100; call += 1) aimd.succeeded(0, 9);
  expect(aimd.limit).toBe(20);
  aimd.succeeded(0, 10);
  expect(aimd.limit).toBe(21);
});

test('is cut once for all the calls that were begun before the cut, and no success of theirs raises it', () => {
  const aimd = new Aimd(settings);
  for (let call = 0; call < 20; call += 1) aimd.overloaded(0);
  expect(aimd.limit).toBe(18);
  for (let call = 0; call < 100; call += 1) aimd.succeeded(0, 20);
  expect(aimd.limit).toBe(18);
  aimd.overloaded(1);
  expect(aimd.limit).toBe(16);
});

test('every cut cuts, down to the lowest limit', () => {
  const aimd = new Aimd(settings);
  const limits: number[] = [];
  for (let epoch = 0; epoch < 20; epoch += 1) {
    aimd.overloaded(aimd.epoch);
    limits.push(aimd.limit);
  }
  expect(limits).toEqual([18, 16, 14, 12, 10, 9, 8, 7, 6, 5, 4, 3, 2, 2, 2, 2, 2, 2, 2, 2]);
});

test('whatever it hears, it is a whole number between its bounds, and moves up by one at most', () => {
  const news = fc.array(
    fc.record({ overload: fc.boolean(), late: fc.nat({ max: 3 }), running: fc.integer({ min: 1, max: 60 }) }),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(news, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (list, backoffRatio) => {
      const aimd = new Aimd({ ...settings, backoffRatio });
      for (const { overload, late, running } of list) {
        const before = aimd.limit;
        const epoch = aimd.epoch - late;
        if (overload) aimd.overloaded(epoch);
        else aimd.succeeded(epoch, running);
        expect(Number.isInteger(aimd.limit) && aimd.limit >= 2 && aimd.limit <= 30).toBe(true);
        expect(aimd.limit - before).toBeLessThanOrEqual(1);
        if (late > 0) expect(aimd.limit).toBe(before);
        else if (overload && before > 2) expect(aimd.limit).toBeLessThan(before);
        else if (!overload) expect(aimd.limit).toBeGreaterThanOrEqual(before);
      }
    }),
  );
});
