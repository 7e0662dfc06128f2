import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { defaultConfig } from '../../packages/gateway/src/config/load.js';
import { configSchema, knownKeys, laterKeys } from '../../packages/gateway/src/config/schema.js';
import { parseDuration, parseSize } from '../../packages/gateway/src/config/units.js';

const page = await readFile(fileURLToPath(new URL('../../docs/gateway.md', import.meta.url)), 'utf8');
const rows = new Map(
  [...page.matchAll(/^\| `((?:server|upstreams|models|images|load)\.[^`]+)` \|([^|]*)\|/gm)].map(([, key, value]) => [
    key ?? '',
    (value ?? '').replaceAll('`', '').trim(),
  ]),
);

function value(text: string): unknown {
  if (text === 'none') return [];
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (text === 'true' || text === 'false') return text === 'true';
  return parseDuration(text) ?? parseSize(text) ?? text;
}

test('every default of the server and of a model on the page is the code’s', () => {
  const { server, models } = defaultConfig();
  const told = Object.fromEntries(
    Object.keys(server).map((key) => [key, value(rows.get(`server.${key}`) ?? 'missing')]),
  );
  expect(told).toEqual(server);
  for (const group of ['timeouts', 'retry', 'breaker'] as const) {
    for (const [key, actual] of Object.entries(models['default']?.[group] ?? {})) {
      expect([key, value(rows.get(`models.<name>.${group}.${key}`) ?? 'missing')]).toEqual([key, actual]);
    }
  }
});

test('every default of an image model on the page is the code’s, and every key has its row', () => {
  const { images } = configSchema.parse({ images: { default: ['main'] } });
  for (const group of ['timeouts', 'retry', 'breaker'] as const) {
    for (const [key, actual] of Object.entries(images['default']?.[group] ?? {})) {
      expect([key, value(rows.get(`images.<name>.${group}.${key}`) ?? 'missing')]).toEqual([key, actual]);
    }
  }
  expect(rows.has('images.<name>') && rows.has('images.<name>.chain')).toBe(true);
});

test('every default of an upstream on the page is the code’s', () => {
  const { upstreams } = configSchema.parse({
    upstreams: { main: { url: 'http://127.0.0.1/v1', model: 'x' }, local: { engine: 'embedded' } },
    models: { default: ['main'] },
  });
  expect(value(rows.get('upstreams.<name>.prefill') ?? '')).toBe((upstreams['main'] as { prefill: boolean }).prefill);
  expect(rows.get('upstreams.<name>.images')).toBe((upstreams['main'] as { images: string }).images);
  const { runtime, maxMemory } = upstreams['local'] as { runtime: string; maxMemory: number };
  expect(value(rows.get('upstreams.<name>.runtime') ?? '')).toBe(runtime);
  expect(value(rows.get('upstreams.<name>.maxMemory') ?? '')).toBe(maxMemory);
});

test('every default of the load on the page is the code’s', () => {
  const { levels, ...others } = defaultConfig().load;
  for (const [key, actual] of [
    ...Object.entries(others),
    ...Object.entries(levels).map(([level, above]) => [`levels.${level}`, above] as const),
  ]) {
    expect([key, value(rows.get(`load.${key}`) ?? 'missing')]).toEqual([key, actual]);
  }
});

test('every key has its row, and keys of a later version are named', () => {
  for (const key of knownKeys['server'] ?? []) expect(rows.has(`server.${key}`), key).toBe(true);
  for (const key of knownKeys['models.*.timeouts'] ?? [])
    expect(rows.has(`models.<name>.timeouts.${key}`), key).toBe(true);
  for (const key of knownKeys['load'] ?? [])
    expect(rows.has(`load.${key}`) || key === 'levels' || key === 'perKey', key).toBe(true);
  for (const key of knownKeys['upstreams.*'] ?? [])
    expect(rows.has(`upstreams.<name>.${key}`) || page.includes(`\`${key}\``), key).toBe(true);
  for (const key of laterKeys) expect(page).toContain(`\`${key}\``);
});
