/**
 * What surrounds the running code: one value that follows it through awaits, timers and callbacks.
 *
 * The platform's AsyncLocalStorage is looked up when the program runs, so that no bundle meets an import that only Node
 * can resolve: Node, Bun and Deno hand it out by `process.getBuiltinModule`, edge runtimes as a global. Where there is
 * none, the value lasts for the synchronous part of the work.
 */
interface Storage {
  getStore(): object | undefined;
  run<T>(store: object | undefined, work: () => T): T;
}

type StorageClass = new () => Storage;

interface Host {
  readonly AsyncLocalStorage?: StorageClass;
  readonly process?: { getBuiltinModule?(name: string): Builtin | undefined };
}

interface Builtin {
  readonly AsyncLocalStorage?: StorageClass;
  readonly AsyncResource?: new (type: string, options: { readonly requireManualDestroy: boolean }) => KeptSurroundings;
}

/** The storage that `host` offers, else one for the synchronous part. Exported for its test. */
export function storageOf(host: Host): Storage {
  const Found = builtin(host)?.AsyncLocalStorage ?? host.AsyncLocalStorage;
  return Found === undefined ? synchronousStorage() : new Found();
}

function builtin({ process }: Host): Builtin | undefined {
  return process?.getBuiltinModule?.('node:async_hooks');
}

function synchronousStorage(): Storage {
  let current: object | undefined;
  return {
    getStore: () => current,
    run(store, work) {
      const before = current;
      current = store;
      try {
        return work();
      } finally {
        current = before;
      }
    },
  };
}

const storage = storageOf(globalThis);

/** The value around the running code. Nothing is switched on by asking. */
export function surroundings(): object | undefined {
  return storage.getStore();
}

/** Runs `work`, and all that it starts, inside `store`. */
export function inside<T>(store: object | undefined, work: () => T): T {
  // A platform's storage makes every promise dearer from its first `run` on, so nothing is run inside of nothing.
  return store === storage.getStore() ? work() : storage.run(store, work);
}

/** Somewhere to go on from later: with all that is around the code that made it, whoever's storages that is in. */
export interface KeptSurroundings {
  runInAsyncScope<Args extends unknown[]>(work: (...args: Args) => void, self: unknown, ...args: Args): void;
}

const Resource = builtin(globalThis)?.AsyncResource;
const nothingKept: KeptSurroundings = { runInAsyncScope: (work, self, ...args) => work.apply(self, args) };

/** What `await` would keep, at the price of no promise. Where the platform has no such thing, nothing is kept. */
export function keptSurroundings(): KeptSurroundings {
  return Resource === undefined ? nothingKept : new Resource('RIPSTOP', { requireManualDestroy: true });
}

/** `action` as it would run here and now, for those who keep it and call it later from somewhere else. */
export function bound(action: () => void): () => void {
  const store = storage.getStore();
  return store === undefined ? action : () => storage.run(store, action);
}
