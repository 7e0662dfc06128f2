import { ModelLoadingError } from 'ripstop/errors';

/** A model file that is broken, or that we cannot use. Loading it again cannot help. `why` must be safe to show. */
export function unusableFile(why: string, details: Readonly<Record<string, unknown>> = {}): ModelLoadingError {
  return new ModelLoadingError(`The model file cannot be used: ${why}`, {
    isRetryable: false,
    details: { reason: 'model_file', ...details },
  });
}
