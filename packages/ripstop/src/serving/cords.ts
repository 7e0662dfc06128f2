/** The cords of a chute: by name, and by method and path. */
import { badOption } from '../call/options.js';
import type { Runtime } from '../call/runtime.js';
import { type BodyLimits, bodyLimits } from './body-limits.js';
import type { Cord, CordHandler, CordOptions } from './cord.js';
import { cordLayers } from './cord-layers.js';
import type { Dialect } from './problem.js';
import { createRouter, type Router } from './router.js';

export interface Cords extends Pick<Router<Cord>, 'match'> {
  /** @throws RangeError for a malformed path, a path or name that is taken, or a bad limit. */
  add(name: string, options: CordOptions, handler: CordHandler<never, never>): void;
  /** Those that answer where no other does. */
  addBuiltIn(cords: readonly Cord[]): void;
  /** In the order in which they were added, without the built-in ones. */
  all(): readonly Cord[];
  /** What a path that no cord has is answered in: as the cords beside it. */
  dialectNear(path: string): Dialect;
}

export function createCords(limits: BodyLimits, runtime: Runtime): Cords {
  const cords = new Map<string, Cord>();
  const router = createRouter<Cord>();
  const builtIn = createRouter<Cord>();
  const openAiFolders = new Set<string | undefined>();

  return {
    add(name, options, handler) {
      if (name === '') throw new RangeError('name must not be empty, got ""');
      if (cords.has(name)) throw new RangeError(`name must be unique, got ${JSON.stringify(name)} a second time`);
      if (typeof handler !== 'function') throw badOption('handler', 'must be a function', handler);
      const { path = `/${name}`, method = 'POST', dialect = 'native' } = options;
      const cord: Cord = {
        name,
        route: path,
        method,
        input: options.input,
        output: options.output,
        jsonSchema: options.jsonSchema ?? {},
        summary: options.summary,
        layers: cordLayers(name, options, runtime),
        dialect,
        stream: options.stream,
        limits: bodyLimits(options, limits),
        guard: options.guard,
        answers: 'when ready',
        handler,
      };
      router.add(method, path, cord);
      cords.set(name, cord);
      if (dialect === 'openai') openAiFolders.add(folder(path));
    },
    addBuiltIn(more) {
      for (const cord of more) builtIn.add(cord.method, cord.route, cord);
    },
    all: () => [...cords.values()],
    match(method, path) {
      const own = router.match(method, path);
      return own.kind === 'unknown' ? builtIn.match(method, path) : own;
    },
    dialectNear: (path) => (openAiFolders.has(folder(path)) ? 'openai' : 'native'),
  };
}

/** The first segment. */
function folder(path: string): string | undefined {
  return path.split('/', 2)[1];
}
