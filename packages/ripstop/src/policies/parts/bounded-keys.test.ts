import { expect, test } from 'vitest';
import { BoundedKeys, type Keep } from './bounded-keys.js';

function keys(max: number): BoundedKeys<{ keep: Keep }> {
  return new BoundedKeys<{ keep: Keep }>(
    max,
    () => ({ keep: 'used' }),
    ({ keep }) => keep,
  );
}

test('a key keeps its state, and no key has one of its own', () => {
  const states = keys(3);
  expect(states.get('a')).toBe(states.get('a'));
  expect(states.get(undefined)).toBe(states.get(undefined));
  expect(states.get('a')).not.toBe(states.get(undefined));
  expect(states.peek('b')).toBeUndefined();
  expect(states.size).toBe(2);
});

test('room for a new key is made by one whose state says nothing, or else by the oldest', () => {
  const states = keys(3);
  for (const key of ['a', 'b', 'c']) states.get(key);
  Object.assign(states.peek('b') ?? {}, { keep: 'free' });
  states.get('d');
  expect(['a', 'b', 'c', 'd'].filter((key) => states.peek(key) !== undefined)).toEqual(['a', 'c', 'd']);
  states.get('e');
  expect(['a', 'c', 'd', 'e'].filter((key) => states.peek(key) !== undefined)).toEqual(['c', 'd', 'e']);
  expect(states.size).toBe(3);
});

test('a key that is held is never dropped, and where all are held there is no room', () => {
  const states = keys(2);
  for (const key of ['a', 'b']) Object.assign(states.get(key) ?? {}, { keep: 'held' });
  expect(states.get('c')).toBeUndefined();
  expect(states.size).toBe(2);
  Object.assign(states.peek('b') ?? {}, { keep: 'used' });
  expect(states.get('c')).toBeDefined();
  expect(states.peek('a')).toBeDefined();
});
