/** A value against its schema: the caller's on the way in, ours on the way out. */
import { ValidationError } from '../errors/input-errors.js';
import { InternalError } from '../errors/upstream-errors.js';
import { fieldErrors, maxIssues, type SchemaResult, type StandardSchema } from './issues.js';

/**
 * What the schema makes of an input from outside.
 *
 * @throws ValidationError 422: it does not fit. Its `fields` say where and why, the first 50 of them;
 * `details.issues` says how many there are if there are more.
 */
export async function validateInput<Output>(schema: StandardSchema<unknown, Output>, input: unknown): Promise<Output> {
  const result = await check(schema, input);
  if (result.issues === undefined) return result.value;
  const count = result.issues.length;
  throw new ValidationError(fieldErrors(result.issues, input), count > maxIssues ? { details: { issues: count } } : {});
}

/**
 * What the schema makes of an answer of our own.
 *
 * @throws InternalError 500: it does not fit, which is no fault of the caller's. What is wrong with it stands in its
 * `diagnostics`, for our own logs.
 */
export async function validateOutput<Output>(
  schema: StandardSchema<unknown, Output>,
  output: unknown,
): Promise<Output> {
  const result = await check(schema, output);
  if (result.issues === undefined) return result.value;
  throw new InternalError(undefined, { diagnostics: { fields: fieldErrors(result.issues, output) } });
}

async function check<Output>(schema: StandardSchema<unknown, Output>, value: unknown): Promise<SchemaResult<Output>> {
  return await schema['~standard'].validate(value);
}
