import * as client from 'prom-client';
import { expect, test } from 'vitest';
import type { Family } from './families.js';
import { HistogramMeter } from './histogram-meter.js';
import { LabelNames } from './label-names.js';
import { Series } from './series.js';

const family: Family<'model'> = {
  name: 'waits_seconds',
  help: 'Waits.',
  type: 'histogram',
  labels: { model: 'names' },
  buckets: [0.1, 1],
};

function openMetrics(): client.Registry {
  const registry = new client.Registry();
  registry.setContentType(client.Registry.OPENMETRICS_CONTENT_TYPE as never);
  return registry;
}

function house() {
  const registry = openMetrics();
  const series = new Series(family, () => new LabelNames(['main', 'spare'], 10));
  const meter = new HistogramMeter(family, series, { exemplars: 'kept', date: () => new Date(5_000) });
  registry.registerMetric(meter as unknown as client.Metric);
  return { registry, meter };
}

test('it shows what a histogram of prom-client would show', async () => {
  const { registry, meter } = house();
  const own = openMetrics();
  const theirs = new client.Histogram({ ...family, labelNames: ['model'], buckets: [0.1, 1], registers: [own] });
  for (const [model, ms] of [
    ['main', 50],
    ['spare', 100],
    ['main', 1_000],
    ['main', 1_001],
  ] as const) {
    meter.observe({ model }, ms);
    theirs.observe({ model }, ms / 1_000);
  }
  const sorted = async (one: client.Registry) => (await one.metrics()).split('\n').toSorted();
  expect(await sorted(registry)).toEqual(await sorted(own));
  const plain = ({ values }: Awaited<ReturnType<client.Histogram['get']>>) => {
    return values.map(({ metricName, labels, value }) => ({ metricName, labels, value }));
  };
  expect(plain(await meter.get())).toEqual(plain(await theirs.get()));
});

test('what is no duration is left out, and a reset forgets all', async () => {
  const { registry, meter } = house();
  meter.observe({ model: 'main' }, Number.NaN);
  meter.observe({ model: 'main' }, Number.POSITIVE_INFINITY);
  expect(await registry.metrics()).not.toContain('main');
  meter.observe({ model: 'main' }, 1);
  expect(await registry.metrics()).toContain('waits_seconds_count{model="main"} 1');
  registry.resetMetrics();
  expect(await registry.metrics()).not.toContain('main');
});

test('of each bucket the first observation since the last scrape is its exemplar, which stays until there is a newer one', async () => {
  const { registry, meter } = house();
  const ids = async () =>
    [...(await registry.metrics()).matchAll(/correlation_id="(\w+)"} (\S+) 5$/gm)].map(([, id]) => id);
  meter.observe({ model: 'main' }, 10, 'a');
  meter.observe({ model: 'main' }, 20, 'b');
  meter.observe({ model: 'main' }, 200, 'c');
  expect(await ids()).toEqual(['a', 'c']);
  meter.observe({ model: 'main' }, 30, 'd');
  expect(await ids()).toEqual(['d', 'c']);
  expect(await ids()).toEqual(['d', 'c']);
});
