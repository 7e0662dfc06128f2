import type { Spike } from '../../call/events.js';

/** When a spike may begin, and when it is over. All in milliseconds. */
export interface SpikeRules {
  /** It is over after so long without being over the limit. */
  readonly clearMs: number;
  /** From one beginning to the next, at the least. */
  readonly cooldownMs: number;
  /** What lasts so long is usual by now. `Infinity`: never. */
  readonly newNormalMs: number;
}

/** What is seen of a subject now. */
export interface Reading {
  readonly recent: number;
  /** Undefined: nothing is known that it could be measured against. */
  readonly baseline: number | undefined;
  /** Is what is seen now out of the ordinary, measured against this? */
  readonly isOver: (baseline: number) => boolean;
}

type State =
  | { readonly kind: 'calm'; readonly startedAt: number }
  | { readonly kind: 'spiking'; readonly startedAt: number; readonly baseline: number; readonly overAt: number };

/** A spike that is under way. */
export interface ActiveSpike extends Spike {
  readonly startedAt: number;
}

/** What has changed, if anything has. */
export type Change =
  | { readonly kind: 'started'; readonly spike: ActiveSpike }
  | { readonly kind: 'ended'; readonly spike: ActiveSpike; readonly ms: number };

/**
 * One subject under watch: one beginning, one end, however it goes up and down between them (D98, GW20).
 *
 * While it lasts, it is measured against what was usual before it, so that it does not end by becoming usual itself.
 */
export class SpikeWatch {
  private readonly kind: Spike['kind'];
  private readonly subject: string;
  private readonly rules: SpikeRules;
  private state: State = { kind: 'calm', startedAt: Number.NEGATIVE_INFINITY };

  constructor(kind: Spike['kind'], subject: string, rules: SpikeRules) {
    this.kind = kind;
    this.subject = subject;
    this.rules = rules;
  }

  get isSpiking(): boolean {
    return this.state.kind === 'spiking';
  }

  /** Would a spike that begins now be told of? */
  isQuiet(now: number): boolean {
    return !this.isSpiking && now - this.state.startedAt >= this.rules.cooldownMs;
  }

  active(recent: number): ActiveSpike | undefined {
    const { state } = this;
    return state.kind === 'spiking' ? this.spike(recent, state) : undefined;
  }

  look(now: number, reading: Reading): Change | undefined {
    return this.state.kind === 'calm' ? this.start(now, reading) : this.goOn(now, reading, this.state);
  }

  private start(now: number, { recent, baseline, isOver }: Reading): Change | undefined {
    if (baseline === undefined || !this.isQuiet(now) || !isOver(baseline)) return undefined;
    const state = { kind: 'spiking', startedAt: now, baseline, overAt: now } as const;
    this.state = state;
    return { kind: 'started', spike: this.spike(recent, state) };
  }

  private goOn(now: number, reading: Reading, state: State & { readonly kind: 'spiking' }): Change | undefined {
    const { startedAt, baseline } = state;
    const { clearMs, newNormalMs } = this.rules;
    const overAt = reading.isOver(baseline) ? now : state.overAt;
    this.state = { ...state, overAt };
    const ms = now - startedAt;
    if (now - overAt < clearMs && ms < newNormalMs) return undefined;
    this.state = { kind: 'calm', startedAt };
    return { kind: 'ended', spike: this.spike(reading.recent, state), ms };
  }

  private spike(recent: number, state: { readonly baseline: number; readonly startedAt: number }): ActiveSpike {
    const { baseline, startedAt } = state;
    return { kind: this.kind, subject: this.subject, recent, baseline, startedAt };
  }
}
