import { InvalidInputError } from '../errors/input-errors.js';

/** What was found for a path and a method. */
export type Match<T> =
  | {
      readonly kind: 'found';
      readonly target: T;
      readonly pattern: string;
      readonly params: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'wrong_method'; readonly allowed: readonly string[]; readonly pattern: string; readonly target: T }
  | { readonly kind: 'unknown' };

interface Resource<T> {
  readonly pattern: string;
  readonly segments: readonly Segment[];
  readonly methods: Map<string, T>;
}

type Segment = { readonly literal: string } | { readonly parameter: string };

export interface Router<T> {
  /** @throws RangeError for a malformed pattern, or one that is already taken for this method. */
  add(method: string, pattern: string, target: T): void;
  /** @throws InvalidInputError 400 for a path with broken percent-escapes. */
  match(method: string, path: string): Match<T>;
}

const noParams: Readonly<Record<string, string>> = Object.freeze(Object.create(null) as Record<string, string>);

/**
 * Paths to targets. A pattern's segments are literal, or `:name` or `{name}`; a literal path wins over a pattern, and
 * of two patterns the one that was added first. HEAD is answered wherever GET is.
 */
export function createRouter<T>(): Router<T> {
  const literal = new Map<string, Resource<T>>();
  const patterns: Resource<T>[] = [];

  function resource(pattern: string): Resource<T> {
    const segments = parsePattern(pattern);
    const isLiteral = segments.every((segment) => 'literal' in segment);
    const known = isLiteral ? literal.get(pattern) : patterns.find((other) => other.pattern === pattern);
    if (known !== undefined) return known;
    const made: Resource<T> = { pattern, segments, methods: new Map() };
    if (isLiteral) literal.set(pattern, made);
    else patterns.push(made);
    return made;
  }

  function* candidates(path: string): Generator<[Resource<T>, Readonly<Record<string, string>>]> {
    const exact = literal.get(path);
    if (exact !== undefined) yield [exact, noParams];
    const segments = decodeSegments(path);
    // An escaped slash is a part of its segment, so such a path is never a literal one.
    if (exact === undefined && path.includes('%') && !segments.some((segment) => segment.includes('/'))) {
      const decoded = literal.get(segments.join('/'));
      if (decoded !== undefined) yield [decoded, noParams];
    }
    for (const pattern of patterns) {
      const params = matchSegments(pattern.segments, segments);
      if (params !== undefined) yield [pattern, params];
    }
  }

  return {
    add(method, pattern, target) {
      const { methods } = resource(pattern);
      if (methods.has(method)) throw new RangeError(`${method} ${pattern} is already taken by another cord`);
      methods.set(method, target);
    },
    match(method, path) {
      const exact = literal.get(path);
      const direct = exact?.methods.get(method);
      if (exact !== undefined && direct !== undefined) {
        return { kind: 'found', target: direct, pattern: exact.pattern, params: noParams };
      }
      const allowed = new Set<string>();
      let first: Resource<T> | undefined;
      for (const [found, params] of candidates(path)) {
        const target = found.methods.get(method) ?? (method === 'HEAD' ? found.methods.get('GET') : undefined);
        if (target !== undefined) return { kind: 'found', target, pattern: found.pattern, params };
        first ??= found;
        for (const other of found.methods.keys()) allowed.add(other);
      }
      return first === undefined ? { kind: 'unknown' } : wrongMethod(first, allowed);
    },
  };
}

function wrongMethod<T>({ pattern, methods }: Resource<T>, allowed: Set<string>): Match<T> {
  if (allowed.has('GET')) allowed.add('HEAD');
  allowed.add('OPTIONS');
  const [target] = methods.values();
  return { kind: 'wrong_method', allowed: [...allowed].sort(), pattern, target: target as T };
}

function parsePattern(pattern: string): readonly Segment[] {
  if (!pattern.startsWith('/') || /[?#\s]/.test(pattern)) {
    throw new RangeError(`path must begin with / and have no query, got ${JSON.stringify(pattern)}`);
  }
  const names = new Set<string>();
  return pattern.split('/').map((text) => {
    const name = /^:([A-Za-z_]\w*)$|^\{([A-Za-z_]\w*)\}$/.exec(text);
    const parameter = name?.[1] ?? name?.[2];
    if (parameter === undefined) return { literal: text };
    if (names.has(parameter)) throw new RangeError(`path names ${parameter} twice, got ${JSON.stringify(pattern)}`);
    names.add(parameter);
    return { parameter };
  });
}

function decodeSegments(path: string): readonly string[] {
  const segments = path.split('/');
  if (!path.includes('%')) return segments;
  try {
    return segments.map(decodeURIComponent);
  } catch (cause) {
    throw new InvalidInputError('The path has a broken percent-escape', { cause });
  }
}

function matchSegments(
  pattern: readonly Segment[],
  segments: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params = Object.create(null) as Record<string, string>;
  for (const [index, segment] of pattern.entries()) {
    const text = segments[index] as string;
    if ('parameter' in segment) {
      if (text === '') return undefined;
      params[segment.parameter] = text;
    } else if (segment.literal !== text) {
      return undefined;
    }
  }
  return params;
}
