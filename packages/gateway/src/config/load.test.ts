import { expect, test } from 'vitest';
import { ConfigError, defaultConfig, exposureProblems, loadConfig, parseConfig } from './load.js';

function problemsOf(text: string, environment: Record<string, string> = {}): readonly string[] {
  try {
    parseConfig(text, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const main = 'upstreams:\n  main: { url: "http://127.0.0.1:9100/v1", model: gpt-x }\n';

test('no configuration means loopback, the embedded model and no keys', () => {
  expect(defaultConfig()).toMatchObject({
    server: { host: '127.0.0.1', port: 8787, bodyLimit: 10 * 1024 * 1024, profile: 'http', keys: [], drain: 30_000 },
    upstreams: { local: { engine: 'embedded', runtime: 'auto' } },
    models: { default: { chain: ['local'], retry: { attempts: 3 }, breaker: { consecutive: 5, cooldown: 2_000 } } },
  });
});

test('a full configuration is read with its units, its environment and its short forms', () => {
  const text = `
server: { host: 0.0.0.0, port: "\${PORT}", bodyLimit: 512kb, keys: ["\${RIPSTOP_KEY}"], drain: 5s }
upstreams:
  main: { url: "http://127.0.0.1:9100/v1", model: "gpt-x", key: "\${MAIN_KEY}", contextLength: 8192, prefill: true }
  own:  { engine: gguf, file: ./x.gguf }
models:
  default: [main, own]
  careful: { chain: [main], timeouts: { firstContent: 1.5s, total: 1m }, retry: { attempts: 2 }, breaker: { cooldown: 500ms }, resume: false }
`;
  const config = parseConfig(text, { PORT: '9000', RIPSTOP_KEY: 'k', MAIN_KEY: 'secret' });
  expect(config.server).toMatchObject({ port: 9000, bodyLimit: 512 * 1024, keys: ['k'], drain: 5_000 });
  expect(config.upstreams['main']).toMatchObject({ key: 'secret', contextLength: 8192, prefill: true });
  expect(config.models['default']?.timeouts).toEqual({
    connect: 2_000,
    headers: 60_000,
    firstContent: 10_000,
    gap: 10_000,
    total: 120_000,
  });
  expect([config.models['default']?.resume, config.models['careful']?.resume]).toEqual([true, false]);
  expect(config.models['careful']).toMatchObject({
    timeouts: { firstContent: 1_500, total: 60_000, gap: 10_000 },
    retry: { attempts: 2 },
    breaker: { consecutive: 5, cooldown: 500 },
  });
});

test.each([
  ['an unknown key', 'server: { prot: 1 }', 'server.prot: unknown key; did you mean port?'],
  ['an unknown key at the top', 'upstream: {}', 'upstream: unknown key; did you mean upstreams?'],
  [
    'an unknown key of an upstream',
    main.replace('model:', 'modell:'),
    'upstreams.main.modell: unknown key; did you mean model?',
  ],
  [
    'a way of going on that nobody knows',
    main.replace('model: gpt-x', 'model: gpt-x, prefill: maybe'),
    'upstreams.main.prefill: must be true, false, prefix or continue_final_message',
  ],
  ['a key of a later version', 'journal: { file: x }', 'journal: is not in this version; leave it out'],
  [
    'a duration without a unit',
    'server: { drain: "30" }',
    'server.drain: must be a duration with its unit, such as 500ms, 2s, 5m or 1h',
  ],
  [
    'a duration that is a number',
    'server: { drain: 30 }',
    'server.drain: must be a duration with its unit, such as 500ms, 2s, 5m or 1h',
  ],
  [
    'a size without a unit',
    'server: { bodyLimit: "10" }',
    'server.bodyLimit: must be a size with its unit, such as 512kb, 10mb or 1gb',
  ],
  [
    'an address that is none',
    'upstreams: { main: { url: nowhere, model: x } }',
    'upstreams.main.url: must be an address that begins with http:// or https://, such as http://127.0.0.1:9100/v1',
  ],
  [
    'an upstream without a model',
    'upstreams: { main: { url: "http://127.0.0.1/v1" } }',
    'upstreams.main.model: is required (string)',
  ],
  [
    'an unknown engine',
    'upstreams: { local: { engine: embeded } }',
    'upstreams.local.engine: must be embedded or gguf',
  ],
  ['a profile that does not exist', 'server: { profile: chute }', 'server.profile: must be one of http, chutes'],
  [
    'a chain that names nothing',
    `${main}models: { default: [mian] }`,
    'models.default: there is no upstream mian; did you mean main?',
  ],
  [
    'an image model that names nothing',
    `${main}models: { default: [main] }\nimages: { default: [mian] }`,
    'images.default: there is no upstream mian; did you mean main?',
  ],
  [
    'an image model that cannot paint',
    'images: { default: [local] }',
    'images.default: the upstream local runs on this machine and paints nothing; name one with a url',
  ],
  [
    'a limit that pictures do not have',
    `${main}models: { default: [main] }\nimages: { default: { chain: [main], timeouts: { firstContent: 2s } } }`,
    'images.default.timeouts.firstContent: unknown key; allowed are connect, headers, gap, total',
  ],
  [
    'a chain that names one twice',
    `${main}models: { default: [main, main] }`,
    'models.default: names an upstream twice; each is tried once',
  ],
  ['an empty chain', `${main}models: { default: [] }`, 'models.default: must name at least one upstream'],
  [
    'a hedge that is neither on nor off',
    `${main}models: { default: { chain: [main], hedge: 1s } }`,
    'models.default.hedge: must be true, false, or the time to wait before it, such as { after: 500ms }',
  ],
  [
    'an unknown key of a hedge',
    `${main}models: { default: { chain: [main], hedge: { afer: 1s } } }`,
    'models.default.hedge.afer: unknown key; did you mean after?',
  ],
  [
    'a smaller model that nobody knows',
    `${main}models: { default: { chain: [main], smaller: tiny }, small: [main] }`,
    'models.default.smaller: must be another name under models; known are default, small',
  ],
  [
    'a smaller model that is the same',
    `${main}models: { default: { chain: [main], smaller: default } }`,
    'models.default.smaller: must be another name under models; known are default',
  ],
  [
    'an open door',
    `server: { host: 0.0.0.0 }`,
    'server.keys: needed because server.host 0.0.0.0 can be reached from outside; add a key, or use 127.0.0.1',
  ],
  [
    'a level with a wrong name',
    'load: { levels: { minimum: 0.9 } }',
    'load.levels.minimum: unknown key; did you mean minimal?',
  ],
  [
    'a level that is no share',
    'load: { levels: { reduced: 70 } }',
    'load.levels.reduced: must be a share above 0 and below 1, such as 0.7',
  ],
  [
    'levels in the wrong order',
    'load: { levels: { reduced: 0.9, minimal: 0.7 } }',
    'load.levels: reduced must be below minimal',
  ],
  ['YAML that does not parse', 'server: {a: 1\n', 'line 2, column 1: not valid YAML (bad indent)'],
  ['a list at the top', '- a', 'the configuration: must be a mapping of keys to values'],
])('%s stops the start with a sentence that names the key and the fix', (_, text, sentence) => {
  expect(problemsOf(text)).toContain(sentence);
});

test('GW14: a store that gateways would share is refused in words, so that nobody relies on one', () => {
  expect(problemsOf('shared: { redis: "redis://127.0.0.1:6379" }')).toEqual([
    'shared: is not in this version; leave it out',
  ]);
});

test('GW18: hedging is off, on, or on after a time', () => {
  const hedgeOf = (text: string): unknown =>
    parseConfig(`${main}models: { default: { chain: [main]${text} } }`, {}).models['default']?.hedge;
  expect(['', ', hedge: false', ', hedge: true', ', hedge: { after: 300ms }'].map(hedgeOf)).toEqual([
    false,
    false,
    {},
    { after: 300 },
  ]);
});

test('a missing environment variable is named, with the key that wants it', () => {
  expect(problemsOf('server: { keys: ["${RIPSTOP_KEY}"] }')).toEqual([
    'server.keys.0: the environment variable RIPSTOP_KEY is not set',
  ]);
});

test('every problem is told, not only the first', () => {
  expect(problemsOf('server: { prot: 1, profile: x }')).toHaveLength(2);
});

test('a file that is not there is named', async () => {
  await expect(loadConfig('./no-such-file.yaml', {})).rejects.toThrow(
    './no-such-file.yaml: cannot be read (ENOENT); name an existing file with --config',
  );
});

test('loopback needs no key, any other host does', () => {
  expect(exposureProblems({ host: '127.0.0.2', keys: [] })).toEqual([]);
  expect(exposureProblems({ host: '::1', keys: [] })).toEqual([]);
  expect(exposureProblems({ host: '0.0.0.0', keys: ['k'] })).toEqual([]);
  expect(exposureProblems({ host: '10.0.0.1', keys: [] })).toHaveLength(1);
});
