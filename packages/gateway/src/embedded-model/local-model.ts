import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type EngineLimits, engineLimits } from './engine-limits.js';
import type { EngineRuntime, EngineSpec } from './protocol.js';
import { type RestartOptions, restartDefaults } from './supervisor.js';

/** What may be said of a model that runs on this machine. Every limit has a default that fits the model. */
export interface LocalModelTuning {
  readonly limits?: Partial<EngineLimits> | undefined;
  readonly restart?: Partial<RestartOptions> | undefined;
  /** Requests that may wait for their turn. Default: 16. */
  readonly maxWaiting?: number | undefined;
  /** How long each may wait for its turn, in milliseconds. Default: 15 000. */
  readonly maxWaitMs?: number | undefined;
  /** How long a request waits for an engine that is starting, in milliseconds. Default: 10 000. */
  readonly readyWaitMs?: number | undefined;
}

/** `embedded`: the model that is shipped with the gateway. `gguf`: a file of the user's, run by node-llama-cpp. */
export type LocalModelOptions = LocalModelTuning &
  (
    | { readonly engine: 'embedded'; readonly runtime?: EngineRuntime | 'auto' | undefined }
    | { readonly engine: 'gguf'; readonly file: string; readonly contextLength?: number | undefined }
  );

/** The options with every default filled in. */
export interface LocalModelPlan {
  readonly spec: EngineSpec;
  /** Window in tokens, where it is known before the file is read. */
  readonly contextLength: number | undefined;
  readonly limits: EngineLimits;
  readonly restart: RestartOptions;
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
  readonly readyWaitMs: number;
  /** Where a request does not say. The embedded model is at its best when it hardly plays dice. */
  readonly temperature: number;
}

const embeddedContextLength = 512;
const embeddedFile = fileURLToPath(new URL('../../embedded-model/ripstop-tiny.gguf', import.meta.url));
const ggufLimits = { startMs: 120_000, silenceMs: 10_000, generationMs: 300_000 };

/** @throws RangeError for a limit that is not above 0. */
export function planLocalModel(options: LocalModelOptions): LocalModelPlan {
  assertAboveZero({ ...options.limits, ...options.restart, readyWaitMs: options.readyWaitMs });
  const shared = {
    restart: { ...restartDefaults, ...options.restart },
    maxWaiting: options.maxWaiting ?? 16,
    maxWaitMs: options.maxWaitMs ?? 15_000,
    readyWaitMs: options.readyWaitMs ?? 10_000,
  };
  switch (options.engine) {
    case 'embedded':
      return {
        ...shared,
        spec: { file: embeddedFile, runtime: options.runtime ?? 'auto' },
        contextLength: embeddedContextLength,
        limits: { ...engineLimits, ...options.limits },
        temperature: 0.3,
      };
    case 'gguf':
      return {
        ...shared,
        spec: { file: options.file, runtime: 'llama.cpp', contextLength: options.contextLength },
        contextLength: options.contextLength,
        limits: { ...engineLimits, ...ggufLimits, memoryMb: memoryFor(options.file), ...options.limits },
        temperature: 0.7,
      };
  }
}

/**
 * What to start after a start that came to nothing. A native library may do worse than fail to load: it may take its
 * process along. Where the runtime was ours to choose, the interpreter has it from then on.
 */
export function fallBack(spec: EngineSpec): EngineSpec {
  if (spec.runtime !== 'auto') return spec;
  return { ...spec, runtime: 'interpreter', note: 'node-llama-cpp is installed, but its process ended while loading' };
}

function assertAboveZero(limits: Readonly<Record<string, number | undefined>>): void {
  for (const [name, value] of Object.entries(limits)) {
    if (value !== undefined && !(value > 0)) throw new RangeError(`${name} must be above 0, got ${value}`);
  }
}

/** llama.cpp maps the file, keeps a rearranged copy of most weights, and needs room for its cache: up to 2.5 times as much. */
function memoryFor(file: string): number {
  const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return Math.ceil((3 * bytes) / 1024 ** 2) + 1024;
}
