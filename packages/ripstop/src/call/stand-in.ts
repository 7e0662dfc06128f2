type Method = (...values: unknown[]) => unknown;

/**
 * What makes an object pass for `original`: it has its class and its members, and its methods as `method` gives them.
 * A class, since a stream has several: closures of their own would be most of what they weigh.
 *
 * It is no child of the original, since whatever is a prototype gets a hidden class of its own, and with that it
 * outlives its use until the next full collection (V8 11). Nor is the original the proxy's target, whose frozen members
 * would have to be shown as they are.
 */
export class StandIn<T extends object> implements ProxyHandler<T> {
  readonly original: T;

  constructor(original: T) {
    this.original = original;
  }

  get(_: T, property: string | symbol): unknown {
    const member: unknown = Reflect.get(this.original, property, this.original);
    return typeof member === 'function' ? this.method(property, member as Method) : member;
  }

  set(_: T, property: string | symbol, value: unknown): boolean {
    return Reflect.set(this.original, property, value);
  }

  has(_: T, property: string | symbol): boolean {
    return Reflect.has(this.original, property);
  }

  protected method(_: string | symbol, member: Method): unknown {
    return member.bind(this.original);
  }
}

/** The object itself. */
export function standIn<T extends object>(handler: StandIn<T>): T {
  const { original } = handler;
  return new Proxy(Object.create(Object.getPrototypeOf(original) as object | null) as T, handler);
}
