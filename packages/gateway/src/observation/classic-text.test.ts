import { expect, test } from 'vitest';
import { classicText, prefersOpenMetrics } from './classic-text.js';

test('a counter has its name back, and exemplars and the end mark are gone', () => {
  const openMetrics = [
    '# HELP a Requests.',
    '# TYPE a counter',
    'a_total{route="/x"} 3 # {correlation_id="id-1"} 1 1767225600.5',
    '# HELP b_seconds Time.',
    '# TYPE b_seconds histogram',
    'b_seconds_bucket{le="0.1",route="/x"} 2 # {trace_id="4b"} 0.05 1767225600',
    'b_seconds_sum{route="/x"} 0.1',
    '# HELP c Level.',
    '# TYPE c gauge',
    'c 1e-7',
    '# EOF',
    '',
  ].join('\n');
  expect(classicText(openMetrics).split('\n')).toEqual([
    '# HELP a_total Requests.',
    '# TYPE a_total counter',
    'a_total{route="/x"} 3',
    '# HELP b_seconds Time.',
    '# TYPE b_seconds histogram',
    'b_seconds_bucket{le="0.1",route="/x"} 2',
    'b_seconds_sum{route="/x"} 0.1',
    '# HELP c Level.',
    '# TYPE c gauge',
    'c 1e-7',
    '',
  ]);
});

test('what looks like an exemplar or an end inside a label is part of the label', () => {
  const line = String.raw`a_total{name="x} 1 # {y=\"z\"} 2",other="\\"} 4`;
  expect(classicText(`# TYPE a counter\n${line} # {id="1"} 1 1\n# EOF\n`)).toBe(`# TYPE a_total counter\n${line}\n`);
});

test('OpenMetrics is sent to whom asks for it: Prometheus, and nobody by default', () => {
  const prometheus =
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
  expect(prefersOpenMetrics(prometheus)).toBe(true);
  expect(prefersOpenMetrics('application/openmetrics-text; version=1.0.0; charset=utf-8')).toBe(true);
  expect(prefersOpenMetrics('Application/OpenMetrics-Text')).toBe(true);
  for (const accept of [
    undefined,
    '',
    '*/*',
    'text/plain',
    'application/openmetrics-text;version=0.0.1',
    'application/openmetrics-text;q=0',
    'application/openmetrics-text;q=0.3, text/plain;q=0.9',
    'application/openmetrics-text;q=abc',
    ',;=,;;q',
  ]) {
    expect(prefersOpenMetrics(accept), String(accept)).toBe(false);
  }
});
