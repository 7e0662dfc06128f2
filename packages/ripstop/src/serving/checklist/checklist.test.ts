import { expect, test } from 'vitest';
import { checklist, serviceItems } from './checklist.js';

test('R193: the checklist is data: five categories of five, each item with an id, a sentence and a page', () => {
  expect(Object.keys(checklist)).toEqual([
    'Input Validation',
    'Model Error Handling',
    'System Resilience',
    'User Experience',
    'Monitoring and Alerting',
  ]);
  expect(Object.values(checklist).map((items) => items.length)).toEqual([5, 5, 5, 5, 5]);
  const ids = [...Object.values(checklist).flat(), ...serviceItems].map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(JSON.parse(JSON.stringify(checklist))).toEqual(checklist);
});
