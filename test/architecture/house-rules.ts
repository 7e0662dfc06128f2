/** The house plan (CONTRIBUTING.md) as checks. Each returns what breaks it, one sentence per breach. */
import type { Files, Import } from './imports.js';

const library = 'packages/ripstop/src/';
const gateway = 'packages/gateway/src/';

/** Which room may import from which, besides from itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  call: ['errors'],
  policies: ['errors', 'call'],
  models: ['errors', 'call', 'policies'],
  input: ['errors', 'call'],
  observation: ['errors', 'call', 'policies', 'models', 'input'],
  serving: ['errors', 'call', 'policies', 'models', 'input', 'observation'],
  testing: ['errors', 'call', 'policies', 'models', 'input', 'observation'],
};

/** Where the library may use Node itself. Everything else runs wherever JavaScript does. */
const usesNode = [
  /^serving\/adapters\/node(-\w+)?\.ts$/,
  /^observation\/(load-sources|checks)\/node-[\w-]+\.ts$/,
  /^call\/error-context\.ts$/,
  /^testing\//,
];

/** The room of a file of the library; the front door is a room of its own. */
function room(file: string): string {
  const path = file.slice(library.length);
  return path.includes('/') ? (path.split('/')[0] ?? '') : 'the front door';
}

export function brokenFloors(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, to, reExport }) => {
    if (!from.startsWith(library) || to === undefined) return [];
    const [here, there] = [room(from), room(to)];
    if (!to.startsWith(library)) return [`${from} leaves the library: ${to}`];
    if (here === 'the front door') {
      return reExport && there !== 'testing' ? [] : [`${from} may only re-export, and nothing of testing: ${to}`];
    }
    if (mayImport[here] === undefined) return [`${from} stands in no room of the house`];
    if (here !== there && !mayImport[here].includes(there)) return [`${from} imports up or across: ${to}`];
    if (to.endsWith('/index.ts')) return [`${from} must name the file, not ${to}`];
    if (from.endsWith('/index.ts') && !reExport) return [`${from} is an index and may only re-export: ${to}`];
    return brokenPolicyRules(from, to);
  });
}

/** A policy knows `policy.ts` and its parts, never another policy; other rooms know policies, never their parts. */
function brokenPolicyRules(from: string, to: string): string[] {
  const parts = `${library}policies/parts/`;
  const fromPolicies = from.startsWith(`${library}policies/`);
  if (!to.startsWith(`${library}policies/`)) return [];
  if (!fromPolicies) return to.startsWith(parts) ? [`${from} imports a part of a policy: ${to}`] : [];
  if (from.endsWith('/index.ts') || to.startsWith(parts)) return [];
  if (from.startsWith(parts)) return [`${from} is a part, and may not know a policy: ${to}`];
  if (to === `${library}policies/policy.ts`) return [];
  return [`${from} imports another policy: ${to}`];
}

/** At run time the library needs nothing from npm, and Node itself only where it says so. */
export function foreignImports(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, specifier, to, typeOnly }) => {
    if (!from.startsWith(library) || to !== undefined) return [];
    if (specifier.startsWith('node:')) {
      const allowed = typeOnly || usesNode.some((place) => place.test(from.slice(library.length)));
      return allowed
        ? []
        : [
            `${from} uses ${specifier}; only adapters/node, load-sources/node, checks/node, error-context and testing may`,
          ];
    }
    // `#name` is a file of its own that the manifest chooses by platform.
    return typeOnly || specifier.startsWith('#')
      ? []
      : [`${from} depends on ${specifier}; the library has no dependencies`];
  });
}

/** The command that is a test upstream itself. */
const chaosCommand = `${gateway}chaos/`;

/** The gateway uses the library as any user would, and never its test kit, `ripstop chaos` apart. */
export function brokenGatewayImports(imports: readonly Import[], publicEntries: readonly string[]): string[] {
  return imports.flatMap(({ from, specifier, to }) => {
    if (!from.startsWith(gateway)) return [];
    if (to !== undefined) return to.startsWith(gateway) ? [] : [`${from} leaves the gateway: ${to}`];
    if (!/^ripstop(\/|$)/.test(specifier)) return [];
    if (!publicEntries.includes(specifier)) return [`${from} imports ${specifier}, which is no public name`];
    return specifier === 'ripstop/testing' && !from.startsWith(chaosCommand) ? [`${from} imports the test kit`] : [];
  });
}

/** Code, not tests: at most this many lines. Data may be longer. */
const longestFile = 300;

interface Ban {
  readonly what: string;
  readonly pattern: RegExp;
  readonly where: RegExp;
  readonly except?: RegExp;
}

const bans: readonly Ban[] = [
  { what: 'unfinished work', pattern: /\b(TODO|FIXME|XXX|HACK)\b/, where: /./ },
  { what: '`any`', pattern: /(:|<|\bas|,)\s*any\b\s*([;,)>=[\]{]|$)/, where: /\.ts$/ },
  {
    what: 'the real clock, chance or timers (take them from the Runtime)',
    pattern: /\b(Date\.now|Math\.random|performance\.now|setTimeout|setInterval|setImmediate)\s*\(/,
    where: /^packages\/ripstop\/src\//,
    // A socket's own timer knows whether a slow client still takes something.
    except: /^packages\/ripstop\/src\/(call\/runtime\.ts|testing\/|serving\/adapters\/node-send\.ts)/,
  },
  {
    what: 'a path of one machine',
    pattern: /(^|[\s'"`(=])(\/(home|Users|root|work)\/[\w.-]+|[A-Z]:\\\\?Users\\)/,
    where: /./,
  },
];

/** Length and words that no file may have. */
export function brokenFileRules(files: Files): string[] {
  return [...files].flatMap(([path, text]) => {
    const lines = text.split('\n');
    const found: string[] = [];
    const code = lines.length - (text.endsWith('\n') ? 1 : 0);
    if (/\.(ts|mjs|js)$/.test(path) && code > longestFile)
      found.push(`${path} has ${code} lines, above ${longestFile}`);
    for (const { what, pattern, where, except } of bans) {
      if (!where.test(path) || except?.test(path)) continue;
      const at = lines.findIndex((line) => pattern.test(line));
      if (at >= 0) found.push(`${path}:${at + 1} has ${what}`);
    }
    return found;
  });
}
