import type { CircuitBreaker, Runtime } from 'ripstop';
import { ModelError, ModelNotFoundError } from 'ripstop/errors';
import {
  type BilledAttempt,
  type ChatRequest,
  type Delta,
  type GenerateOptions,
  type Generation,
  type ModelFallbackChain,
  modelFallbackChain,
  type TextModel,
} from 'ripstop/models';
import type { CallContext } from 'ripstop/policies';
import { type UpstreamLimits, upstreamLimits } from '../admission/upstream-limits.js';
import type { Config, ImageConfig, ModelConfig } from '../config/schema.js';
import type { Endpoint, EndpointRequests } from '../upstreams/endpoints.js';
import type { Upstream } from '../upstreams/upstream.js';
import { Breakers } from './breakers.js';
import { firstCause } from './first-cause.js';
import { Tries } from './tries.js';

/** Who answered, for headers and logs. */
export interface Served {
  readonly upstream: string;
  /** Upstreams that were asked, the one that answered included. */
  readonly attempts: number;
  readonly wasFallback: boolean;
}

export interface ChainOptions extends GenerateOptions {
  /** The time for all upstreams together, in milliseconds from now. */
  readonly deadlineMs?: number;
  readonly context: CallContext;
  /** Told once, before the first word of the answer. */
  readonly served: (facts: Served) => void;
}

/** A stream that is resumed where it breaks off, as far as that can be done. */
export interface ChainStream {
  readonly deltas: AsyncIterable<Delta>;
  /** Who speaks now. */
  readonly serving: Served;
  /** Of a resumed stream, what each upstream's part has cost; complete at its end. */
  readonly billed: readonly BilledAttempt[];
}

/** A chain as it is asked. */
export interface Askable<Request> {
  generate(input: Request, options: ChainOptions): Promise<Generation & { readonly upstream: string }>;
  /** Settles with the first content. */
  stream(input: Request, options: ChainOptions): Promise<ChainStream>;
}

/** One name that callers may ask for, and the upstreams that stand behind it. */
export interface Chain extends Askable<string | ChatRequest> {
  readonly name: string;
  /** The largest window in the chain, where all are known. */
  readonly contextLength: number | undefined;
  readonly description: string | undefined;
  /** The time for a whole call, in milliseconds. */
  readonly totalMs: number;
  /** Is anybody there to answer? */
  usable(): boolean;
  /** The same upstreams, asked for what is no chat. @throws ModelNotFoundError where none of them can be. */
  at<E extends Endpoint>(endpoint: E): Askable<EndpointRequests[E]>;
  /** Tokens of the input, as the first model of the chain that can count them does. */
  readonly countTokens: TextModel['countTokens'];
}

export interface UpstreamState {
  readonly name: string;
  readonly usable: boolean;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface Chains {
  /** @throws ModelNotFoundError. No name means `default`, or the only one there is. */
  get(name: string | undefined): Chain;
  /** The same among those that paint. @throws ModelNotFoundError that says what to configure where nobody does. */
  images(name: string | undefined): Chain;
  all(): readonly Chain[];
  upstreams(): readonly UpstreamState[];
}

export function createChains(config: Config, upstreams: ReadonlyMap<string, Upstream>, runtime: Runtime): Chains {
  const breakers = new Breakers(runtime);
  const limits = upstreamLimits(config.load, config.upstreams, runtime);
  const shared: Shared = { upstreams, breakers, limits };
  const chains = new Map<string, Chain>();
  for (const [name, model] of Object.entries(config.models)) {
    chains.set(name, createChain(name, model, shared, runtime));
  }
  const images = new Map<string, Chain>();
  for (const [name, model] of Object.entries(config.images)) {
    images.set(name, createChain(name, asModel(model), shared, runtime));
  }

  return {
    get: (name) => named(chains, name),
    images(name) {
      if (images.size > 0) return named(images, name);
      throw new ModelNotFoundError(`No image model is configured; add one, such as: ${imageExample}`, {
        details: { missing: imageExample },
      });
    },
    all: () => [...chains.values()],
    upstreams: () => [...upstreams.values()].map((upstream) => stateOf(upstream, breakers)),
  };
}

/** How long a call waits for the trial of another one when every breaker is open (GW12). */
const trialWaitMs = 2_000;

/** What the chains share. */
interface Shared {
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly breakers: Breakers;
  readonly limits: UpstreamLimits;
}

const imageExample = 'images: { default: [main] }';

/** The chain of that name. No name means `default`, or the only one there is. */
function named(chains: ReadonlyMap<string, Chain>, name = 'default'): Chain {
  const chain = chains.get(name) ?? (name === 'default' && chains.size === 1 ? [...chains.values()][0] : undefined);
  if (chain !== undefined) return chain;
  throw new ModelNotFoundError('There is no model of that name', { details: { models: [...chains.keys()] } });
}

/** A picture has no first content before its last. */
function asModel({ timeouts, ...rest }: ImageConfig): ModelConfig {
  return { ...rest, timeouts: { ...timeouts, firstContent: timeouts.headers }, resume: false, hedge: false };
}

function createChain(name: string, config: ModelConfig, shared: Shared, runtime: Runtime): Chain {
  const { timeouts } = config;
  const attemptLimits = {
    connectMs: timeouts.connect,
    headersMs: timeouts.headers,
    firstContentMs: timeouts.firstContent,
    gapMs: timeouts.gap,
  };
  const places = config.chain.flatMap((upstreamName) => shared.upstreams.get(upstreamName) ?? []);
  const members = places.map((upstream) => {
    const breaker = shared.breakers.get(upstream.name, config.breaker);
    return { upstream, breaker, model: upstream.model(attemptLimits) };
  });
  const endpoints = new Map<Endpoint, Askable<string | ChatRequest>>();
  const counting = members.find(({ model }) => model.countTokens !== undefined)?.model;
  return {
    name,
    get contextLength() {
      const windows = members.map(({ model }) => model.contextLength);
      return windows.includes(undefined) ? undefined : Math.max(...windows.map(Number));
    },
    description: members.every(({ upstream }) => upstream.description !== undefined)
      ? members[0]?.upstream.description
      : undefined,
    totalMs: timeouts.total,
    usable: () => members.some(({ upstream, breaker }) => isUsable(upstream, [breaker])),
    countTokens: counting?.countTokens?.bind(counting),
    ...askers(modelsOf(members, config, shared, runtime)),
    at<E extends Endpoint>(endpoint: E) {
      let askable = endpoints.get(endpoint);
      if (askable === undefined) {
        const able = places.flatMap((upstream) => {
          const model = upstream.endpoint(endpoint, attemptLimits);
          if (model === undefined) return [];
          return [{ upstream, model, breaker: shared.breakers.get(upstream.name, config.breaker, endpoint) }];
        });
        if (able.length === 0) throw new ModelNotFoundError(`The model ${name} has nobody for ${endpoint}`);
        askable = askers(modelsOf(able, { ...config, resume: false }, shared, runtime));
        endpoints.set(endpoint, askable);
      }
      // What is asked is handed on unread, to models that are all of this endpoint.
      return askable as unknown as Askable<EndpointRequests[E]>;
    },
  };
}

/** An upstream in its place in a chain. */
interface Place {
  readonly upstream: Upstream;
  readonly breaker: CircuitBreaker;
  readonly model: TextModel;
}

function modelsOf(
  members: readonly Place[],
  config: ModelConfig,
  { breakers, limits }: Shared,
  runtime: Runtime,
): ModelFallbackChain {
  const chain = modelFallbackChain({ resume: config.resume ? 'plain_text' : 'off', trialWaitMs }, runtime);
  const tries = new Tries(breakers, runtime);
  members.forEach(({ upstream, breaker, model }, index) => {
    const behind = members.slice(index + 1);
    const elsewhere = (): boolean =>
      behind.some((other) => isUsable(other.upstream, [other.breaker]) && limits.hasRoom(other.upstream.name));
    const limit = limits.at(upstream.name, elsewhere);
    const { attempts } = config.retry;
    const policy = tries.at({ name: upstream.name, limit, breaker, attempts, behind: behind.length });
    const { prefill } = upstream;
    if (index === 0) chain.addPrimaryModel(model, upstream.name, { policy, breaker, prefill });
    else chain.addFallbackModel(model, upstream.name, index, { policy, breaker, prefill });
  });
  return chain;
}

function askers(chain: ModelFallbackChain): Askable<string | ChatRequest> {
  return {
    async generate(input, { served, ...options }) {
      try {
        const {
          generated_text: text,
          model_used: upstream,
          ...rest
        } = await chain.generateWithFallback(input, options);
        served({ upstream, attempts: rest.attempts.length + 1, wasFallback: rest.was_fallback });
        return { upstream, text, usage: rest.usage, finishReason: rest.finish_reason, raw: rest.raw };
      } catch (error) {
        throw failed(error, served);
      }
    },
    async stream(input, { served, ...options }) {
      try {
        const answer = await chain.streamWithFallback(input, options);
        const stream: ChainStream = {
          deltas: answer.stream,
          get serving() {
            const { model_used: upstream, attempts, was_fallback: wasFallback } = answer;
            return { upstream, attempts: attempts.length + 1, wasFallback };
          },
          get billed() {
            return answer.billed;
          },
        };
        served(stream.serving);
        return stream;
      } catch (error) {
        throw failed(error, served);
      }
    },
  };
}

/** The error that the caller gets; who was asked last is told like who answered. */
function failed(error: unknown, served: (facts: Served) => void): unknown {
  if (!ModelError.isInstance(error)) return error;
  const { attempts } = error;
  const last = attempts?.at(-1)?.model;
  if (attempts !== undefined && last !== undefined) {
    served({ upstream: last, attempts: attempts.length, wasFallback: attempts[0]?.model !== last });
  }
  return firstCause(error);
}

function isUsable(upstream: Upstream, breakers: readonly CircuitBreaker[]): boolean {
  const health = upstream.health();
  if (health !== undefined && health.state !== 'ready') return false;
  return breakers.length === 0 || breakers.some(({ state }) => state !== 'open');
}

function stateOf(upstream: Upstream, breakers: Breakers): UpstreamState {
  const own = breakers.of(upstream.name);
  const health = upstream.health();
  const breaker = own.flat().find(({ state }) => state !== 'closed')?.state ?? 'closed';
  const usable = isUsable(upstream, []) && own.every((ofEndpoint) => isUsable(upstream, ofEndpoint));
  return { name: upstream.name, usable, details: { ...health, breaker } };
}
