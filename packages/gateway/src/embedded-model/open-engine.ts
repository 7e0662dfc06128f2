import { ModelError } from 'ripstop/errors';
import type { Engine } from './engine.js';
import { openInterpreter } from './interpreter/interpreter.js';
import { openLlamaCpp } from './llama-cpp/llama-cpp-engine.js';
import type { EngineSpec } from './protocol.js';

/**
 * Loads a model.
 *
 * @throws ModelLoadingError (not retryable) where the file or the runtime asked for cannot be used.
 */
export async function openEngine(spec: EngineSpec): Promise<Engine> {
  switch (spec.runtime) {
    case 'interpreter':
      return openInterpreter(spec);
    case 'llama.cpp':
      return openLlamaCpp(spec);
    case 'auto':
      return openBest(spec);
  }
}

async function openBest(spec: EngineSpec): Promise<Engine> {
  try {
    return await openLlamaCpp(spec);
  } catch (error) {
    const missing = ModelError.isInstance(error) && error.details['reason'] === 'runtime_missing';
    // That nobody installed it is the usual case, and no news.
    return openInterpreter({ ...spec, note: missing || !(error instanceof Error) ? undefined : error.message });
  }
}
