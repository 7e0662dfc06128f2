import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { nearest } from './nearest.js';
import { type Config, configSchema, knownKeys, laterKeys } from './schema.js';

/** The configuration cannot be used. Every problem is a sentence that names the key and, where it can, the fix. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** With no configuration at all: this machine only, the embedded model, no keys. */
export function defaultConfig(): Config {
  return configSchema.parse({});
}

/** @throws ConfigError when the file cannot be read, parsed or used. */
export async function loadConfig(file: string, environment: Environment): Promise<Config> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new ConfigError([
      `${file}: cannot be read (${code ?? 'unknown error'}); name an existing file with --config`,
    ]);
  }
  return parseConfig(text, environment);
}

/** @throws ConfigError */
export function parseConfig(text: string, environment: Environment): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.slice(0, 10).map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        return `line ${line}, column ${col}: not valid YAML (${error.code.toLowerCase().replaceAll('_', ' ')})`;
      }),
    );
  }
  const problems: string[] = [];
  const value = fillIn(document.toJS({ maxAliasCount: 100 }) ?? {}, environment, [], problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) throw new ConfigError(parsed.error.issues.flatMap(sentences));
  const references = checkReferences(parsed.data);
  if (references.length > 0) throw new ConfigError(references);
  return parsed.data;
}

/** Replaces `${NAME}` in every text by the environment's value. */
function fillIn(value: unknown, environment: Environment, path: readonly string[], problems: string[]): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
      const found = environment[name];
      if (found !== undefined && found !== '') return found;
      problems.push(`${path.join('.')}: the environment variable ${name} is not set`);
      return '';
    });
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => fillIn(item, environment, [...path, String(index)], problems));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, fillIn(item, environment, [...path, key], problems)]),
  );
}

function sentences(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.map(String);
  const place = path.length === 0 ? 'the configuration' : path.join('.');
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key));
  if (issue.code === 'invalid_type') {
    if (!issue.message.startsWith('Invalid input')) return [`${place}: ${issue.message}`];
    const missing = issue.message.endsWith('received undefined');
    return [missing ? `${place}: is required (${issue.expected})` : `${place}: must be ${article(issue.expected)}`];
  }
  if (issue.code === 'invalid_key') return [`${place}: a name ${issue.issues[0]?.message ?? 'is not allowed'}`];
  if (issue.code === 'invalid_value') {
    return [
      `${place}: ${issue.message.startsWith('Invalid') ? `must be one of ${issue.values.join(', ')}` : issue.message}`,
    ];
  }
  if (issue.code === 'invalid_format' && issue.format === 'url') {
    return [`${place}: must be an address that begins with http:// or https://, such as http://127.0.0.1:9100/v1`];
  }
  return [`${place}: ${issue.message}`];
}

function unknownKey(path: readonly string[], key: string): string {
  const place = [...path, key].join('.');
  if (path.length === 0 && laterKeys.includes(key)) return `${place}: is not in this version; leave it out`;
  const pattern = path.map((part, index) => (index === 1 ? '*' : part)).join('.');
  const allowed = knownKeys[pattern] ?? [];
  const suggestion = nearest(key, allowed);
  const hint = suggestion === undefined ? `allowed are ${allowed.join(', ')}` : `did you mean ${suggestion}?`;
  return `${place}: unknown key; ${hint}`;
}

function article(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    object: 'a mapping of keys to values',
    record: 'a mapping of names to values',
    array: 'a list',
    string: 'a text',
    number: 'a number',
    boolean: 'true or false',
  };
  return names[expected] ?? expected;
}

/** What no single key shows: chains that name what is not there, and an open door to the network. */
function checkReferences({ models, images, upstreams, server }: Config): string[] {
  const names = Object.keys(upstreams);
  const problems: string[] = [];
  const chains = [...chainsUnder('models', models), ...chainsUnder('images', images)];
  for (const { place, chain } of chains) {
    for (const name of chain.filter((candidate) => !names.includes(candidate))) {
      const suggestion = nearest(name, names);
      const hint = suggestion === undefined ? `known are ${names.join(', ')}` : `did you mean ${suggestion}?`;
      problems.push(`${place}: there is no upstream ${name}; ${hint}`);
    }
    if (new Set(chain).size < chain.length) problems.push(`${place}: names an upstream twice; each is tried once`);
  }
  for (const { place, chain } of chainsUnder('images', images)) {
    for (const name of chain.filter((candidate) => 'engine' in (upstreams[candidate] ?? {})))
      problems.push(`${place}: the upstream ${name} runs on this machine and paints nothing; name one with a url`);
  }
  for (const [name, { smaller }] of Object.entries(models)) {
    if (smaller === undefined || (smaller !== name && Object.hasOwn(models, smaller))) continue;
    problems.push(
      `models.${name}.smaller: must be another name under models; known are ${Object.keys(models).join(', ')}`,
    );
  }
  if (Object.keys(models).length === 0) problems.push('models: must have at least one entry, such as default: [main]');
  problems.push(...exposureProblems(server));
  return problems;
}

type NamedChain = Pick<Config['models'][string], 'chain'>;

function chainsUnder(
  key: 'models' | 'images',
  named: Readonly<Record<string, NamedChain>>,
): (NamedChain & { readonly place: string })[] {
  return Object.entries(named).map(([name, { chain }]) => ({ place: `${key}.${name}`, chain }));
}

/** A gateway that others can reach must know its callers. */
export function exposureProblems({ host, keys }: Pick<Config['server'], 'host' | 'keys'>): string[] {
  if (isLoopback(host) || keys.length > 0) return [];
  return [`server.keys: needed because server.host ${host} can be reached from outside; add a key, or use 127.0.0.1`];
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
