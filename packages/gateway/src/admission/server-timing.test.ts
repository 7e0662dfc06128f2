import { virtualRuntime } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { Timing } from './server-timing.js';

test('the time is told in three parts that do not overlap', async () => {
  const { clock } = virtualRuntime();
  const timing = new Timing(clock);
  await clock.advance(250);
  timing.waited();
  await clock.advance(2);
  timing.asked();
  await clock.advance(40.26);
  timing.answered();
  await clock.advance(1);
  expect(timing.header).toBe('gw;dur=3,queue;dur=250,up;dur=40.3');
});

test('a request that never came to a model has spent no time there', async () => {
  const { clock } = virtualRuntime();
  const timing = new Timing(clock);
  await clock.advance(5);
  timing.answered();
  expect(timing.header).toBe('gw;dur=5,queue;dur=0,up;dur=0');
});
