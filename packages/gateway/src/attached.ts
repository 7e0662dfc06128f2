/**
 * What is kept for each of many short-lived objects, as a property of the object. A `WeakMap` says the same; but what
 * stands in one that is old survives every small collection, with all that it points to, until the next full one
 * (V8 11): under load whole requests lived that long.
 */
export class Attached<Owner extends object, Value extends object> {
  private readonly key = Symbol('attached');

  get(owner: Owner): Value | undefined {
    return (owner as Record<symbol, Value | undefined>)[this.key];
  }

  set(owner: Owner, value: Value): void {
    (owner as Record<symbol, Value | undefined>)[this.key] = value;
  }
}
