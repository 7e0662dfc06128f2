import { type Runtime, systemRuntime } from 'ripstop';
import { type ScriptedUpstream, scriptedUpstream, type UpstreamAnswer, type UpstreamRequest } from 'ripstop/testing';
import { callOf, goodAnswer } from './answers.js';
import { asCompletion } from './completion-answers.js';
import type { ChaosScript } from './script.js';
import { Play, type Step, sceneIn } from './scene.js';
import { namedScenes } from './scenes.js';

/** One request, for the log and the counters. Nothing of what was asked or answered is in it. */
export interface ChaosRequest {
  /** Counted over all requests, from 1. */
  readonly number: number;
  /** The scene that decided, by its name or its text. */
  readonly scene: string;
  readonly fault: string;
  readonly path: string;
  readonly stream: boolean;
  /** Did it ask to continue an assistant's message? */
  readonly prefill: boolean;
  readonly connection: number;
  /** When it arrived, in milliseconds since the server started. */
  readonly atMs: number;
  /** How long it took, in milliseconds; undefined while it is under way. */
  ms?: number;
  /** Did the client leave before the answer was complete? False where the fault itself broke the connection. */
  left?: boolean;
}

export interface ChaosOptions {
  readonly script: ChaosScript;
  /** Default: 0, any free port. */
  readonly port?: number;
  /** After how long idle connections are closed, in milliseconds. Default: Node's, 5 000. */
  readonly closeIdleMs?: number;
  /** Told of every request when it is over. */
  readonly over?: (request: ChaosRequest) => void;
}

export interface ChaosServer {
  /** The base URL, with `/v1`. */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Requests that `/chaos` tells one by one; older ones are only counted. */
const remembered = 5_000;

/**
 * An OpenAI-compatible upstream that misbehaves as its script says. A request chooses its scene by the header
 * `x-chaos-scene`, else by its model's name where that is a scene; all others play the script's default. `GET /chaos`
 * tells what was asked.
 */
export async function chaosServer(options: ChaosOptions, runtime: Runtime = systemRuntime): Promise<ChaosServer> {
  const { port, closeIdleMs, over } = options;
  const stage = new Stage(options.script, runtime);
  const server: { upstream?: ScriptedUpstream } = {};

  function answer(request: UpstreamRequest): UpstreamAnswer {
    if (request.path === '/chaos') return { kind: 'json', body: { open: server.upstream?.open, ...stage.counters() } };
    const { entry, step } = stage.enter(request);
    const begun = runtime.clock.now();
    void request.over.then(() => {
      entry.ms = Math.round(runtime.clock.now() - begun);
      entry.left = request.aborted && !breaksOff.test(entry.fault);
      over?.(entry);
    });
    const call = callOf(request, runtime.clock.date());
    const answered = step === undefined ? goodAnswer(call) : step.fault.answer(call, step.value);
    return textCompletions.test(call.path) ? asCompletion(answered) : answered;
  }

  const settings = {
    remembered: 0,
    ...(port !== undefined && { port }),
    ...(closeIdleMs !== undefined && { keepAliveMs: closeIdleMs }),
  };
  server.upstream = await scriptedUpstream([answer], settings);
  const { upstream } = server;
  return { url: upstream.url, port: upstream.port, close: () => upstream.close() };
}

const textCompletions = /(?<!\/chat)\/completions$/;

/** Faults that end the connection themselves. */
const breaksOff = /^(reset|cut-after|reset-after)$/;

/** What is being played, and what was asked. */
class Stage {
  private readonly script: ChaosScript;
  private readonly runtime: Runtime;
  private readonly startedAt: number;
  private readonly plays = new Map<string, Play>();
  private readonly requests: ChaosRequest[] = [];
  private readonly counts = new Map<string, Record<string, number>>();
  private total = 0;

  constructor(script: ChaosScript, runtime: Runtime) {
    this.script = script;
    this.runtime = runtime;
    this.startedAt = runtime.clock.now();
  }

  enter(request: UpstreamRequest): { readonly entry: ChaosRequest; readonly step: Step | undefined } {
    const call = callOf(request, this.runtime.clock.date());
    const { name, play } = this.sceneFor(request, call.model);
    const step = play.next();
    this.total += 1;
    const entry: ChaosRequest = {
      number: this.total,
      scene: name,
      fault: step?.name ?? 'ok',
      path: call.path,
      stream: call.stream,
      prefill: call.prefill !== '',
      connection: request.connection,
      atMs: Math.round(this.runtime.clock.now() - this.startedAt),
    };
    this.requests.push(entry);
    if (this.requests.length > remembered) this.requests.shift();
    const counts = this.counts.get(name) ?? {};
    counts[entry.fault] = (counts[entry.fault] ?? 0) + 1;
    this.counts.set(name, counts);
    return { entry, step };
  }

  counters(): Record<string, unknown> {
    const nowMs = Math.round(this.runtime.clock.now() - this.startedAt);
    return { nowMs, total: this.total, scenes: Object.fromEntries(this.counts), requests: this.requests };
  }

  private sceneFor({ headers }: UpstreamRequest, model: string): { readonly name: string; readonly play: Play } {
    const asked = headers['x-chaos-scene'];
    for (const name of [typeof asked === 'string' ? asked : '', model]) {
      const steps = this.script.scenes.get(name) ?? sceneIn(namedScenes[name] ?? name);
      if (steps !== undefined) return { name, play: this.playOf(name, steps) };
    }
    return { name: this.script.name, play: this.playOf('', this.script.steps) };
  }

  /** Names come from callers: those beyond any sensible number share the oldest ones' room. */
  private playOf(name: string, steps: readonly Step[]): Play {
    const known = this.plays.get(name);
    if (known !== undefined) return known;
    if (this.plays.size >= maxPlays) {
      const [oldest] = this.plays.keys();
      if (oldest !== undefined) {
        this.plays.delete(oldest);
        this.counts.delete(oldest);
      }
    }
    const play = new Play(steps, this.runtime);
    this.plays.set(name, play);
    return play;
  }
}

const maxPlays = 1_000;
