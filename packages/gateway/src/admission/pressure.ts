import { getHeapStatistics } from 'node:v8';
import type { Runtime } from 'ripstop';
import { type Degradation, degradation, eventLoopLoad, type LoadSource } from 'ripstop/observation';
import type { LoadConfig } from '../config/schema.js';

/** What the gate knows of its own load. */
export interface Crowd {
  readonly running: number;
  readonly waiting: number;
}

/** A delay of the event loop above which everybody waits for it, in milliseconds; twice as much is full load. */
const laggingMs = 200;
/** A share of the heap above which collecting it takes most of the time. */
const heapShare = 0.85;

/**
 * The level of the gateway (GW16): slots that are taken, places in the line that are taken, the delay of the event
 * loop, the heap. Each is 0 when idle and 1 when full, and the highest counts. The level gets worse after 2 s above a
 * threshold of `load.levels`, and better after 10 s below.
 */
export function gatewayDegradation(load: LoadConfig, crowd: () => Crowd, runtime: Runtime): Degradation {
  const { levels } = load;
  return degradation(
    {
      name: 'gateway',
      sources: pressureSources(load, crowd, runtime),
      levels: { reduced: { above: levels.reduced }, minimal: { above: levels.minimal } },
      sampleEveryMs: 500,
    },
    runtime,
  );
}

export function pressureSources(
  { maxInFlight, queue, levels }: LoadConfig,
  crowd: () => Crowd,
  runtime: Runtime,
): readonly LoadSource[] {
  const loop = eventLoopLoad({ limitMs: laggingMs }, runtime);
  return [
    { name: 'in_flight', read: () => crowd().running / maxInFlight },
    { name: 'queue', read: () => (queue === 0 ? 0 : crowd().waiting / queue) },
    {
      name: 'event_loop',
      async read(signal) {
        return beyond((await loop.read(signal)) ?? 0, { begins: 1, full: 2, pressure: levels.reduced });
      },
    },
    { name: 'heap', read: () => heapPressure(heapUse(), levels.reduced) },
  ];
}

/** How much of the heap is in use, as a share of what it may become, in pressure: `reduced` begins at 85 %. */
export function heapPressure(share: number, reduced: number): number {
  return beyond(share, { begins: heapShare, full: 1, pressure: reduced });
}

function heapUse(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return used / limit;
}

/** Straight from 0 to `pressure` where it begins to count, and straight from there to 1. */
function beyond(
  value: number,
  { begins, full, pressure }: { readonly begins: number; readonly full: number; readonly pressure: number },
): number {
  if (value <= begins) return (value / begins) * pressure;
  return Math.min(pressure + ((value - begins) / (full - begins)) * (1 - pressure), 1);
}
