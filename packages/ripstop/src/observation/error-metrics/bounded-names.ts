/** Where everything goes that has no place of its own. */
export const other = 'other';

/** Longer names are cut: they come from anywhere. */
const longestName = 128;

/** State by name, for a bounded number of names: beyond them all share the state of `other` (D54, D102). */
export class BoundedNames<S> {
  private readonly states = new Map<string, S>();
  private readonly maxNames: number;
  private readonly create: (name: string) => S;
  private readonly hasPlace: (name: string) => boolean;

  /** `hasPlace`: names that always have one, of which there are few. */
  constructor(maxNames: number, create: (name: string) => S, hasPlace: (name: string) => boolean = () => false) {
    this.maxNames = maxNames;
    this.create = create;
    this.hasPlace = hasPlace;
  }

  /** The state of that name, or that of `other` where there is no room for one more. */
  get(name: string): S {
    return this.states.get(name) ?? this.place(name);
  }

  /** The same without making one. */
  peek(name: string): S | undefined {
    return this.states.get(name);
  }

  entries(): readonly [name: string, state: S][] {
    return [...this.states];
  }

  get isFull(): boolean {
    return this.states.size >= this.maxNames;
  }

  /** Forgets what nothing would be lost with, so that a flood of names does not keep their places for ever. */
  forget(isIdle: (state: S) => boolean): void {
    for (const [name, state] of this.states) if (isIdle(state)) this.states.delete(name);
  }

  private place(name: string): S {
    const key = name.length > longestName ? ownCopy(name, longestName) : name;
    const known = this.states.get(key);
    if (known !== undefined) return known;
    if (this.isFull && key !== other && !this.hasPlace(key)) return this.get(other);
    const own = ownCopy(key, longestName);
    const state = this.create(own);
    this.states.set(own, state);
    return state;
  }
}

/** A part of a text may keep all of it alive, of any size. A copy of its own does not. */
export function ownCopy(text: string, longest: number): string {
  return Array.from(text.slice(0, longest)).join('');
}
