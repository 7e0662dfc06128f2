/**
 * An object that passes for `original`: it has its class and its members, as `get` gives them.
 *
 * It is no child of the original, since whatever is a prototype gets a hidden class of its own, and with that it
 * outlives its use until the next full collection (V8 11). Nor is the original the proxy's target, whose frozen members
 * would have to be shown as they are.
 */
export function standIn<T extends object>(original: T, get: (property: string | symbol) => unknown): T {
  return new Proxy(Object.create(Object.getPrototypeOf(original) as object | null) as T, {
    get: (_, property) => get(property),
    set: (_, property, value) => Reflect.set(original, property, value),
    has: (_, property) => Reflect.has(original, property),
  });
}
