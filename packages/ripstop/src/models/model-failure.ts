import { ModelError } from '../errors/model-error.js';
import { GenerationFailedError } from '../errors/upstream-errors.js';
import { classify } from './classify/classify.js';
import { networkVerdict } from './classify/network.js';
import { readThrown } from './classify/thrown.js';

/**
 * The ModelError that a model's failure means. A ModelError is itself, whatever an SDK, the network or an engine says
 * clearly is believed, and all the rest is a generation that failed; the original stands in `cause`, and nothing of it
 * in the message or the details. Whether the caller has left is read off his signal, never off an error.
 */
export function modelFailure(error: unknown): ModelError {
  if (ModelError.isInstance(error)) return error;
  const known = classify({ error });
  if (isBelievable(known, error)) return known;
  return new GenerationFailedError('Text generation failed', { cause: error });
}

/** Where nothing is known, `classify` thinks of a service out of reach; a model in our own process is not one. */
function isBelievable({ errorType, details }: ModelError, error: unknown): boolean {
  if (details['status'] !== undefined) return true;
  if (errorType === 'upstream_unavailable') return networkVerdict(readThrown(error).chain) !== undefined;
  if (errorType === 'invalid_response') return error instanceof Error;
  return errorType !== 'invalid_input' && errorType !== 'cancelled';
}
