import { InternalError } from '../errors/upstream-errors.js';
import type { StandardSchema } from '../input/issues.js';

/**
 * What the schema makes of an answer.
 *
 * @throws InternalError for one that does not fit: it is ours, and never the caller's fault (D62). Its cause says which
 * fields those are, and is for the log.
 */
export async function checkedOutput(schema: StandardSchema, value: unknown): Promise<unknown> {
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  const where = result.issues.slice(0, 10).map(({ path = [] }) => Array.from(path, keyOf).join('.') || '(root)');
  // An error of ours: what others write into an error is not logged.
  const cause = new InternalError(`The answer does not fit its schema at ${where.join(', ')}`);
  throw new InternalError(undefined, { cause });
}

function keyOf(part: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof part === 'object' ? part.key : part);
}
