import { describe, expect, test } from 'vitest';
import { createEvents, type ReportedEvent } from './events.js';

const opened: ReportedEvent = {
  type: 'breaker.opened',
  name: 'main',
  cooldownMs: 1_000,
  reason: 'five in a row',
  at: 7,
};

describe('events', () => {
  test('every listener hears every event until it is ended', () => {
    const events = createEvents();
    const heard: string[] = [];
    const off = events.on(({ type }) => heard.push(`a ${type}`));
    events.on(({ type }) => heard.push(`b ${type}`));
    events.emit(opened);
    off();
    off();
    events.emit(opened);
    expect(heard).toEqual(['a breaker.opened', 'b breaker.opened', 'b breaker.opened']);
  });

  test('a listener with types hears events of these alone, and of those that begin to be told later', () => {
    const events = createEvents();
    const heard: string[] = [];
    const off = events.on(({ type }) => heard.push(`closed ${type}`), { types: ['breaker.closed'] });
    events.emit(opened);
    events.on(({ type }) => heard.push(`both ${type}`), { types: ['breaker.closed', 'breaker.opened'] });
    events.emit(opened);
    events.emit({ type: 'breaker.closed', name: 'main', at: 8 });
    off();
    events.emit({ type: 'breaker.closed', name: 'main', at: 9 });
    expect(heard).toEqual([
      'both breaker.opened',
      'closed breaker.closed',
      'both breaker.closed',
      'both breaker.closed',
    ]);
  });

  test('emitters learn whether anybody listens', () => {
    const events = createEvents();
    expect(events.observed).toBe(false);
    const off = events.on(() => undefined);
    expect(events.observed).toBe(true);
    off();
    expect(events.observed).toBe(false);
  });

  test('who listens is told by name, for as long as it does', () => {
    const events = createEvents();
    const off = events.on(() => undefined, { name: 'alerts' });
    events.on(() => undefined);
    expect(events.listeners).toEqual(['alerts', undefined]);
    off();
    expect(events.listeners).toEqual([undefined]);
  });

  test('a function that listens twice hears everything twice, and is ended one by one', () => {
    const events = createEvents();
    let count = 0;
    const listener = (): void => void (count += 1);
    const off = events.on(listener);
    events.on(listener);
    events.emit(opened);
    off();
    events.emit(opened);
    expect(count).toBe(3);
  });

  test('G5: a listener that throws stops neither the emitter nor the others, who are told of it', () => {
    const events = createEvents();
    const heard: ReportedEvent[] = [];
    const broken = new Error('broken');
    events.on(({ type }) => {
      if (type !== 'listener.failed') throw broken;
    });
    events.on((event) => void heard.push(event));
    expect(() => events.emit(opened)).not.toThrow();
    expect(heard).toEqual([{ type: 'listener.failed', error: broken, at: 7 }, opened]);
  });

  test('G5: when every listener always throws, emitting still ends, and quietly', () => {
    const events = createEvents();
    let calls = 0;
    for (let index = 0; index < 3; index += 1) {
      events.on(() => {
        calls += 1;
        throw new Error('always');
      });
    }
    expect(() => events.emit(opened)).not.toThrow();
    expect(calls).toBe(9);
  });

  test('a listener may end itself, and others, while it is being told', () => {
    const events = createEvents();
    const heard: string[] = [];
    const offFirst = events.on(() => {
      heard.push('first');
      offFirst();
      offSecond();
    });
    const offSecond = events.on(() => heard.push('second'));
    events.emit(opened);
    events.emit(opened);
    expect(heard).toEqual(['first']);
  });
});
