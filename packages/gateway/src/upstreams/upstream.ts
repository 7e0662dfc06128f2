import { type Runtime, systemRuntime } from 'ripstop';
import { type OpenaiTimeouts, openaiModel, type Prefill, type TextModel } from 'ripstop/models';
import type { HttpUpstreamConfig, UpstreamConfig } from '../config/schema.js';
import { EmbeddedTextModel, type LocalModelHealth } from '../embedded-model/embedded-text-model.js';
import { chatAsCompletions, type Endpoint, httpEndpoint } from './endpoints.js';
import { prefillOf, promptPrefill } from './prefill.js';
import { undiciTransport } from './undici-transport.js';

/** What an upstream is asked through for what is no chat. */
export interface EndpointModel {
  readonly model: TextModel;
  /** How it is asked to go on from a text, where it can. */
  readonly prefill?: Prefill | undefined;
}

/** One place where answers come from: a service over HTTP, or an engine on this machine. */
export interface Upstream {
  readonly name: string;
  /** The model here, under the limits of one chain. Connections and engines are shared between chains. */
  model(limits: OpenaiTimeouts): TextModel;
  /** The same for what is no chat; undefined where it cannot be asked for that. */
  endpoint(endpoint: Endpoint, limits: OpenaiTimeouts): EndpointModel | undefined;
  /** How it is asked to go on from a text, where it can. */
  readonly prefill?: Prefill | undefined;
  /** What callers should know before they choose it. */
  readonly description?: string | undefined;
  /** How the engine is; `undefined` for a service over HTTP, which is judged by its calls. */
  health(): LocalModelHealth | undefined;
  /** Resolves when it can answer. Rejects when it never will. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export function createUpstream(name: string, config: UpstreamConfig, runtime: Runtime = systemRuntime): Upstream {
  return 'engine' in config ? localUpstream(name, config, runtime) : httpUpstream(name, config, runtime);
}

function httpUpstream(name: string, config: HttpUpstreamConfig, runtime: Runtime): Upstream {
  const { url, model, key, headers, contextLength, firstContent } = config;
  const connections = undiciTransport();
  const { transport } = connections;
  const own = (limits: OpenaiTimeouts) => ({ ...limits, firstContentMs: firstContent ?? limits.firstContentMs });
  return {
    name,
    model: (limits) => {
      return openaiModel({ url, model, key, headers, contextLength, timeouts: own(limits), transport }, runtime);
    },
    endpoint: (endpoint, limits) => ({
      model: httpEndpoint(endpoint, config, { url, key, headers, timeouts: own(limits), transport }, runtime),
      // To go on from a text is what it is there for.
      ...(endpoint === 'completions' ? { prefill: promptPrefill } : {}),
    }),
    prefill: prefillOf(config),
    health: () => undefined,
    start: async () => undefined,
    close: () => connections.close(),
  };
}

const embeddedDescription =
  'A very small model that ships with Ripstop: it explains words of resilience, names capitals and does small sums, ' +
  'and is no assistant. Its model card says what it can do.';

function localUpstream(name: string, config: Exclude<UpstreamConfig, HttpUpstreamConfig>, runtime: Runtime): Upstream {
  const { maxMemory } = config;
  const limits = maxMemory === undefined ? {} : { memoryMb: Math.ceil(maxMemory / 1024 ** 2) };
  const model =
    config.engine === 'gguf'
      ? new EmbeddedTextModel(
          { engine: 'gguf', file: config.file, contextLength: config.contextLength, limits },
          { name, runtime },
        )
      : new EmbeddedTextModel({ engine: 'embedded', runtime: config.runtime, limits }, { name, runtime });
  return {
    name,
    ...(config.engine === 'embedded' ? { description: embeddedDescription } : {}),
    model: () => model,
    endpoint: (endpoint) => (endpoint === 'completions' ? { model: chatAsCompletions(model) } : undefined),
    health: () => model.health(),
    start: () => model.start(),
    close: () => model.stop(),
  };
}
