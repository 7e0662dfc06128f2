/** Real local models for tests: the engine's process as it was built, in both of its runtimes. */
import { fileURLToPath } from 'node:url';
import { type Runtime, systemRuntime } from 'ripstop';
import type { ChatRequest } from 'ripstop/models';
import { describe } from 'vitest';
import { EmbeddedTextModel } from '../../packages/gateway/src/embedded-model/embedded-text-model.js';
import { Launcher, type LauncherFiles } from '../../packages/gateway/src/embedded-model/launcher.js';
import type { LocalModelOptions } from '../../packages/gateway/src/embedded-model/local-model.js';
import type { EngineRuntime } from '../../packages/gateway/src/embedded-model/protocol.js';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

export const modelFile = path('../../packages/gateway/embedded-model/ripstop-tiny.gguf');
/** The programs of both processes, as they were built. */
export const builtFiles: LauncherFiles = {
  launcher: path('../../packages/gateway/dist/embedded-model/launcher-child.js'),
  engine: path('../../packages/gateway/dist/embedded-model/engine-child.js'),
};
const faultyFiles: LauncherFiles = { ...builtFiles, engine: path('faulty-child.mjs') };

/** An answer of nothing but chance, 400 tokens long in both runtimes: something to interrupt. */
export const endless: ChatRequest = {
  messages: [{ role: 'user', content: 'x' }],
  temperature: 100,
  top_p: 1,
  top_k: 0,
  seed: 1,
  max_tokens: 400,
};

export interface LocalModelSetup {
  /** Wraps the engine in a process that can be made to hang (SIGHUP) and to eat memory (SIGUSR2). */
  readonly faulty?: boolean;
  readonly runtime?: Runtime;
}

export function localModel(
  options: LocalModelOptions,
  { faulty = false, runtime = systemRuntime }: LocalModelSetup = {},
): EmbeddedTextModel {
  const engines = new Launcher(runtime.clock, faulty ? faultyFiles : builtFiles);
  return new EmbeddedTextModel(options, { engines, runtime });
}

/** Why node-llama-cpp cannot be tested here, or `undefined` where it can. */
async function whyNoLlamaCpp(): Promise<string | undefined> {
  const model = localModel({ engine: 'embedded', runtime: 'llama.cpp' });
  try {
    await model.start();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await model.stop();
  }
}

/** Tests with llama.cpp. Where it does not load they are skipped, with the reason; under `CI=true` they run, and fail. */
export async function describeLlamaCpp(define: () => void): Promise<void> {
  const reason = await whyNoLlamaCpp();
  const skipped = reason !== undefined && process.env['CI'] !== 'true';
  describe.skipIf(skipped)(skipped ? `llama.cpp (skipped: ${reason})` : 'llama.cpp', define);
}

/** The same tests for both runtimes. */
export async function describeRuntimes(define: (runtime: EngineRuntime) => void): Promise<void> {
  describe('interpreter', () => define('interpreter'));
  await describeLlamaCpp(() => define('llama.cpp'));
}
