/** What a soak must have come to, and how it is told. */
import { expect } from 'vitest';
import type { Memory, SoakReport } from './soak.js';

const megabyte = 1024 * 1024;
/** What the heap may grow by after the first fifth: histories that fill up to their bounds, and code that is compiled. */
const heapAllowance = 6 * megabyte;

export function expectSound(report: SoakReport): void {
  const { requests, verdicts, problems, upstream, before, onTheWay, after, openUpstream, warnings } = report;
  expect(problems).toEqual([]);
  expect(sumOf(verdicts)).toBe(requests);
  expect(verdicts['answer'] ?? 0).toBeGreaterThan(0.8 * requests);
  expect(upstream.faulty).toBeGreaterThan(0.07);
  expect(upstream.faulty).toBeLessThan(0.13);

  expect(openUpstream).toBe(0);
  expect(after.active['TCPSocketWrap'] ?? 0).toBe(0);
  expect(sumOf(after.active)).toBeLessThanOrEqual(sumOf(before.active) + underWay);
  expect(after.listeners).toBe(before.listeners);
  expect(warnings).toEqual([]);
  for (const kind of ['sockets', 'requests', 'responses', 'signals', 'timers'] as const)
    expect(after.live[kind] - before.live[kind], kind).toBeLessThan(few);
  expect(after.heapUsed - warm(onTheWay).heapUsed).toBeLessThan(heapAllowance);
}

/** Handles of a check or a sweep that just runs. */
const underWay = 2;
/** A last one of a kind may be held by a cache; none of them grows with the requests. */
const few = 64;

function warm(onTheWay: readonly Memory[]): Memory {
  const [, second] = onTheWay;
  if (second === undefined) throw new Error('a soak has ten parts');
  return second;
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function story(report: SoakReport): string {
  const { requests, seconds, verdicts, upstream, before, onTheWay, after, openUpstream } = report;
  const mb = ({ rss, heapUsed }: Memory): string =>
    `${(rss / megabyte).toFixed(0)}/${(heapUsed / megabyte).toFixed(1)}`;
  return [
    `${requests} requests in ${seconds.toFixed(0)} s; ${upstream.requests} at the upstream, ${(100 * upstream.faulty).toFixed(1)} % of them spoilt`,
    ...Object.entries(verdicts)
      .toSorted(([, a], [, b]) => b - a)
      .map(([verdict, count]) => `  ${verdict}: ${count}`),
    `memory/heap in MB: ${[before, ...onTheWay, after].map(mb).join(', ')}`,
    `held before: ${JSON.stringify([before.active, before.live, before.listeners])}`,
    `held after:  ${JSON.stringify([after.active, after.live, after.listeners])}; upstream connections: ${openUpstream}`,
  ].join('\n');
}
