import { assertCount, type Defaults, withDefaults } from '../call/options.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { BoundedKeys } from './parts/bounded-keys.js';
import { type Policy, policy } from './policy.js';

/** How many policies are kept. */
export interface KeyedOptions {
  /** Keys whose policy is kept. Default: 1 000. */
  readonly max?: number | undefined;
}

/** One policy per key, looked up by the key of the call (`execute(fn, { key })`). */
export interface Keyed<P extends Policy> extends Policy {
  /** The policy of a key, made on first use. */
  get(key: string): P;
  /** All that are kept, the oldest first. */
  list(): readonly { readonly key: string; readonly policy: P }[];
  /** Resets what a key has learnt, or all of it, and forgets it. */
  reset(key?: string): void;
}

/** The defaults of `keyed`. */
export const keyedDefaults: Defaults<KeyedOptions> = { max: 1_000 };

/** The key of calls that name none. */
const noKey = 'default';

/**
 * Keyed: one policy per upstream, tenant or credential, where `pipeline` shares one.
 *
 * At most `max` are kept. Where there is no room for another, the oldest that has nothing to remember makes way; a
 * breaker that is not closed never does, since forgetting it would send calls to a service that is down. Should all be
 * such, a new key's policy works and is not kept.
 *
 * @throws RangeError when `max` is no whole number of at least 1.
 */
export function keyed<P extends Policy>(
  make: (key: string) => P,
  options: KeyedOptions = {},
  runtime: Runtime = systemRuntime,
): Keyed<P> {
  const { max } = withDefaults(keyedDefaults, options);
  assertCount('max', max);
  const members = new BoundedKeys<P>(
    max,
    (key = noKey) => make(key),
    (member) => (remembers(member) ? 'held' : 'used'),
  );
  const get = (key: string): P => members.get(key) ?? make(key);

  const base = policy('keyed', (next, context) => get(context.key ?? noKey).run(next, context), runtime);
  return Object.defineProperties(base as Keyed<P>, {
    get: { value: get },
    list: {
      value: () => members.entries().map(([key, member]) => ({ key, policy: member })),
    },
    reset: {
      value(only?: string) {
        for (const [key, member] of members.entries()) {
          if (only !== undefined && key !== only) continue;
          if (isResettable(member)) member.reset();
          members.delete(key);
        }
      },
    },
  });
}

/** A breaker that is open or half-open, or held so by its operator. */
function remembers(member: Policy): boolean {
  return 'state' in member && typeof member.state === 'string' && member.state !== 'closed';
}

function isResettable(member: Policy): member is Policy & { reset(): void } {
  return 'reset' in member && typeof member.reset === 'function';
}
