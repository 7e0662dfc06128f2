import type * as NodeLlamaCpp from 'node-llama-cpp';
import { ModelLoadingError } from 'ripstop/errors';

export type LlamaCppLibrary = typeof NodeLlamaCpp;

/** Messages may be shown to callers, and where things lie on this machine is none of their business. */
const paths = /(?:[A-Za-z]:)?[\\/][^\s'"]+/g;
/** The version that the engine was tested with; npm checks it as an optional peer dependency. */
const llamaCppVersion = '3.21.1';

/**
 * node-llama-cpp, if it is installed. It is 85 MB of native code, and so nobody gets it who does not ask for it.
 *
 * @throws ModelLoadingError (not retryable) that says what to install, or why it does not load.
 */
export async function loadLlamaCpp(): Promise<LlamaCppLibrary> {
  try {
    return await import('node-llama-cpp');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND' && message.includes("'node-llama-cpp'")) {
      throw new ModelLoadingError(
        `This model needs node-llama-cpp, which is not installed: npm install node-llama-cpp@${llamaCppVersion}`,
        { isRetryable: false, details: { reason: 'runtime_missing' } },
      );
    }
    throw runtimeFailure(error);
  }
}

/** llama.cpp is there and does not work: no binary for this machine, a file it refuses, too little memory. */
export function runtimeFailure(error: unknown): ModelLoadingError {
  const name = error instanceof Error ? error.name : 'Error';
  const message = error instanceof Error ? error.message : String(error);
  return new ModelLoadingError(`node-llama-cpp cannot load the model: ${message.replaceAll(paths, '…')}`, {
    isRetryable: false,
    details: { reason: 'runtime_failed', failure: name },
    cause: error,
  });
}
