import type { CircuitBreaker, Runtime } from 'ripstop';
import { ModelNotFoundError } from 'ripstop/errors';
import { type ChatRequest, modelFallbackChain, type Prefill, type SecondLine, type TextModel } from 'ripstop/models';
import type { DegradationLevel } from 'ripstop/observation';
import { type UpstreamLimits, upstreamLimits } from '../admission/upstream-limits.js';
import type { Config, ImageConfig, ModelConfig } from '../config/schema.js';
import type { Endpoint, EndpointRequests } from '../upstreams/endpoints.js';
import type { Upstream } from '../upstreams/upstream.js';
import { type Askable, type AskedModels, askers } from './askable.js';
import { type BreakerFacts, Breakers } from './breakers.js';
import { Hedging } from './hedging.js';
import { type ChainStanding, type StandingPlace, standingOf } from './standing.js';
import { Tries } from './tries.js';

/** One name that callers may ask for, and the upstreams that stand behind it. */
export interface Chain extends Askable<string | ChatRequest> {
  readonly name: string;
  /** The largest window in the chain, where all are known. */
  readonly contextLength: number | undefined;
  readonly description: string | undefined;
  /** The model that stands in for it at `minimal`, for what is less urgent than usual. */
  readonly smaller?: string | undefined;
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
  readonly breakers: readonly BreakerFacts[];
  readonly details: Readonly<Record<string, unknown>>;
}

export interface Chains {
  /** @throws ModelNotFoundError. No name means `default`, or the only one there is. */
  get(name: string | undefined): Chain;
  /** The same among those that paint. @throws ModelNotFoundError that says what to configure where nobody does. */
  images(name: string | undefined): Chain;
  all(): readonly Chain[];
  upstreams(): readonly UpstreamState[];
  /** One of them, where there is one of that name. */
  upstream(name: string): UpstreamState | undefined;
  /** How each name stands, as callers would find it; those of images as `images/<name>`. */
  standings(): ReadonlyMap<string, ChainStanding>;
  /** One of them, where there is one of that name. */
  standing(name: string): ChainStanding | undefined;
  /** Says that an upstream seems to be back: it is tried before its cooldown is over. */
  endCooldowns(upstream: string): void;
  /**
   * Asks an upstream for one token, which it bills. A good answer counts as a trial and takes no caller's place.
   *
   * @throws what the upstream answers, or the reason of `signal`.
   */
  tryOneToken(upstream: string, signal: AbortSignal): Promise<void>;
}

/** What chains are made of. */
export interface ChainParts {
  readonly config: Config;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  /** How the service stands: no stream is hedged unless that is `full`. Default: always `full`. */
  readonly level?: () => DegradationLevel;
}

export function createChains({ config, upstreams, level = () => 'full' }: ChainParts, runtime: Runtime): Chains {
  const breakers = new Breakers(runtime);
  const limits = upstreamLimits(config.load, config.upstreams, runtime);
  const shared: Shared = { upstreams, breakers, limits, level, runtime };
  const chains = new Map<string, Chain>();
  for (const [name, model] of Object.entries(config.models)) {
    chains.set(name, createChain(name, model, shared));
  }
  const images = new Map<string, Chain>();
  for (const [name, model] of Object.entries(config.images)) {
    images.set(name, createChain(name, asModel(model), shared));
  }
  const places = new Map<string, () => readonly StandingPlace[]>();
  for (const [name, model] of Object.entries(config.models)) places.set(name, () => placesOf(model, shared));
  for (const [name, model] of Object.entries(config.images)) {
    places.set(`images/${name}`, () => placesOf(model, shared, 'images'));
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
    upstream(name) {
      const upstream = upstreams.get(name);
      return upstream && stateOf(upstream, breakers);
    },
    standings: () => new Map([...places].map(([name, behind]) => [name, standingOf(behind(), breakers)])),
    standing(name) {
      const behind = places.get(name);
      return behind && standingOf(behind(), breakers);
    },
    endCooldowns: (upstream) => breakers.endCooldowns(upstream),
    async tryOneToken(name, signal) {
      await upstreams.get(name)?.model({}).generate('test', { maxTokens: 1, signal });
      breakers.triedChat(name);
    },
  };
}

/** How long a call waits for the trial of another one when every breaker is open (GW12). */
const trialWaitMs = 2_000;

/** What the chains share. */
interface Shared {
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly breakers: Breakers;
  readonly limits: UpstreamLimits;
  readonly level: () => DegradationLevel;
  readonly runtime: Runtime;
}

const imageExample = 'images: { default: [main] }';

function placesOf({ chain, breaker }: ImageConfig, shared: Shared, endpoint?: Endpoint): readonly StandingPlace[] {
  return chain.flatMap((name) => {
    const upstream = shared.upstreams.get(name);
    return upstream === undefined
      ? []
      : [{ upstream, endpoint, breaker: shared.breakers.get(name, breaker, endpoint) }];
  });
}

/** The chain of that name. No name means `default`, or the only one there is. */
function named(chains: ReadonlyMap<string, Chain>, name = 'default'): Chain {
  const chain = chains.get(name) ?? (name === 'default' && chains.size === 1 ? [...chains.values()][0] : undefined);
  if (chain !== undefined) return chain;
  throw new ModelNotFoundError('There is no model of that name', { details: { models: [...chains.keys()] } });
}

/** A picture has no first content before its last. */
function asModel({ timeouts, ...rest }: ImageConfig): ModelConfig {
  const limits = { ...timeouts, firstContent: timeouts.headers };
  return { ...rest, timeouts: limits, resume: false, whenFiltered: 'stop', hedge: false };
}

function createChain(name: string, config: ModelConfig, shared: Shared): Chain {
  const { timeouts } = config;
  const { runtime } = shared;
  const attemptLimits = {
    connectMs: timeouts.connect,
    headersMs: timeouts.headers,
    firstContentMs: timeouts.firstContent,
    gapMs: timeouts.gap,
    minRate: timeouts.minRate,
  };
  const places = config.chain.flatMap((upstreamName) => shared.upstreams.get(upstreamName) ?? []);
  const members = places.map((upstream) => {
    const breaker = shared.breakers.get(upstream.name, config.breaker);
    return { upstream, breaker, model: upstream.model(attemptLimits), prefill: upstream.prefill };
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
    smaller: config.smaller,
    totalMs: timeouts.total,
    usable: () => members.some(({ upstream, breaker }) => isUsable(upstream, [breaker])),
    countTokens: counting?.countTokens?.bind(counting),
    ...askers(modelsOf(members, config, shared), runtime),
    at<E extends Endpoint>(endpoint: E) {
      let askable = endpoints.get(endpoint);
      if (askable === undefined) {
        const able = places.flatMap((upstream) => {
          const asked = upstream.endpoint(endpoint, attemptLimits);
          if (asked === undefined) return [];
          return [
            { upstream, endpoint, ...asked, breaker: shared.breakers.get(upstream.name, config.breaker, endpoint) },
          ];
        });
        if (able.length === 0) throw new ModelNotFoundError(`The model ${name} has nobody for ${endpoint}`);
        askable = askers(modelsOf(able, config, shared), runtime);
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
  /** How it is asked to go on from a text, where it can. */
  readonly prefill?: Prefill | undefined;
  /** Default: it chats. */
  readonly endpoint?: Endpoint;
}

function modelsOf(members: readonly Place[], config: ModelConfig, shared: Shared): AskedModels {
  const { breakers, limits, level, runtime } = shared;
  const tries = new Tries(breakers, runtime);
  const begun = ({ context, beside }: SecondLine): void => tries.join(context, beside);
  const pay = (upstream: string) => breakers.budget(upstream).take();
  const hedging = config.hedge === false ? undefined : new Hedging({ hedge: config.hedge, level, pay, begun }, runtime);
  const { whenFiltered } = config;
  const resume = config.resume ? 'plain_text' : 'off';
  const chain = modelFallbackChain({ resume, trialWaitMs, whenFiltered, hedge: hedging }, runtime);
  members.forEach(({ upstream, breaker, model, prefill, endpoint }, index) => {
    const behind = members.slice(index + 1);
    const elsewhere = (): boolean =>
      behind.some((other) => isUsable(other.upstream, [other.breaker]) && limits.hasRoom(other.upstream.name));
    const limit = limits.at(upstream.name, elsewhere);
    const { attempts } = config.retry;
    const ways = tries.at({ name: upstream.name, endpoint, limit, breaker, attempts, behind: behind.length });
    const own = { ...ways, breaker, prefill };
    if (index === 0) chain.addPrimaryModel(model, upstream.name, own);
    else chain.addFallbackModel(model, upstream.name, index, own);
  });
  return { chain, hedging };
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
  return { name: upstream.name, usable, breakers: breakers.facts(upstream.name), details: { ...health, breaker } };
}
