/** How deep an input is looked into: the arguments of a function, and the members of an options object among them. */
const deepest = 2;
const plain: readonly unknown[] = [Object, Array, undefined];

/**
 * Is there something in `input` that an attempt may have used up, so that it cannot be sent again (RT7)?
 *
 * A `Request` and a Node stream say so themselves. A web stream, a generator and any other iterator do not, or not
 * to us: they can be read once, so after an attempt they count as read. Lists and plain objects are looked into.
 */
export function isSpent(input: unknown, depth = deepest): boolean {
  if (typeof input !== 'object' || input === null) return false;
  const { bodyUsed, readableDidRead, destroyed, next, constructor } = input as Readonly<Record<string, unknown>>;
  if ([bodyUsed, readableDidRead, destroyed].includes(true) || input instanceof ReadableStream) return true;
  if (typeof next === 'function' && (Symbol.asyncIterator in input || Symbol.iterator in input)) return true;
  return depth > 0 && plain.includes(constructor) && Object.values(input).some((member) => isSpent(member, depth - 1));
}
