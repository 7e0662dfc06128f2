/** May the state of a key be forgotten? `free`: nothing would be lost. `held`: never. */
export type Keep = 'free' | 'used' | 'held';

/**
 * State per key, for a bounded number of keys. Where there is no room for a new key, one is dropped whose state says
 * nothing, or else the oldest that nobody waits for; never one that is held.
 */
export class BoundedKeys<S> {
  private readonly states = new Map<string | undefined, S>();
  private readonly maxKeys: number;
  private readonly create: (key: string | undefined) => S;
  private readonly keep: (state: S) => Keep;

  constructor(maxKeys: number, create: (key: string | undefined) => S, keep: (state: S) => Keep) {
    this.maxKeys = maxKeys;
    this.create = create;
    this.keep = keep;
  }

  get size(): number {
    return this.states.size;
  }

  /** `undefined` where there is no room, since every key is held. */
  get(key: string | undefined): S | undefined {
    const known = this.states.get(key);
    if (known !== undefined) return known;
    if (this.states.size >= this.maxKeys && !this.dropOne()) return undefined;
    const state = this.create(key);
    this.states.set(key, state);
    return state;
  }

  /** The state of a key that was used before. */
  peek(key: string | undefined): S | undefined {
    return this.states.get(key);
  }

  entries(): readonly (readonly [key: string | undefined, state: S])[] {
    return [...this.states];
  }

  delete(key: string | undefined): void {
    this.states.delete(key);
  }

  private dropOne(): boolean {
    let victim: { readonly key: string | undefined } | undefined;
    for (const [key, state] of this.states) {
      const keep = this.keep(state);
      if (keep === 'held') continue;
      if (keep === 'used' && victim !== undefined) continue;
      victim = { key };
      if (keep === 'free') break;
    }
    if (victim !== undefined) this.states.delete(victim.key);
    return victim !== undefined;
  }
}
