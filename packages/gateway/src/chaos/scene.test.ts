import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { parseScene, Play } from './scene.js';

function names(scene: string, count: number, runtime = virtualRuntime()): (string | undefined)[] {
  const play = new Play(parseScene(scene), runtime);
  return Array.from({ length: count }, () => play.next()?.name);
}

test('a step holds for so many requests, and the last one for ever', () => {
  expect(names('503 x2, reset, ok', 4)).toEqual(['503', '503', 'reset', 'reset']);
  expect(names('503 x1', 3)).toEqual(['503', undefined, undefined]);
});

test('a step holds for so long since its first request', async () => {
  const runtime = virtualRuntime();
  const play = new Play(parseScene('503 for 60s, ok'), runtime);
  await runtime.clock.advance(10_000);
  expect(play.next()?.name).toBe('503');
  await runtime.clock.advance(59_999);
  expect(play.next()?.name).toBe('503');
  await runtime.clock.advance(1);
  expect(play.next()?.name).toBe('ok');
});

test('a step holds for a share of the requests, and leaves the rest to those after it', () => {
  const played = names('503 at 10%, reset at 50%, ok', 2_000);
  const share = (name: string): number => played.filter((one) => one === name).length / played.length;
  expect(share('503')).toBeCloseTo(0.1, 1);
  expect(share('reset')).toBeCloseTo(0.45, 1);
  expect(share('ok')).toBeCloseTo(0.45, 1);
});

test('a fault takes its own kind of value, or its usual one', () => {
  const values = parseScene('cut-after=3, cut-after, first-token-after=250ms, status=418, 529').map(
    ({ value }) => value,
  );
  expect(values).toEqual([3, 40, 250, 418, 529]);
});

test.each([
  ['explode', 'there is no fault "explode"'],
  ['503 x2,', '"" is no step of a scene'],
  ['cut-after=soon', 'must be a whole number'],
  ['silence=20', 'must be a duration such as 2s'],
  ['ok=3', 'takes no value'],
  ['status=99', 'must be a status from 200 to 599'],
  ['503 for ever', 'must be a duration such as 60s'],
  ['503 twice', 'is no step of a scene'],
])('%s is no scene, and the error says why', (scene, why) => {
  expect(() => parseScene(scene)).toThrow(RangeError);
  expect(() => parseScene(scene)).toThrow(why);
});
