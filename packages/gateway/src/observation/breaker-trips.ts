/** When breakers opened, and why. */
import type { Events, ReportedEvent } from 'ripstop';

/** Breakers that are remembered: each upstream has one for each of its endpoints. */
const maxBreakers = 1_000;

export interface Trip {
  /** When it opened, as a date. */
  readonly at: string;
  /** `4 failures in a row`, `pause`, `quota` and the like. */
  readonly reason: string;
  /** For how long. */
  readonly open_ms: number;
}

export interface Trips {
  readonly count: number;
  readonly last: Trip;
}

export class TripWatch {
  private readonly trips = new Map<string, Trips>();
  private readonly off: () => void;
  private readonly today: () => Date;

  constructor(events: Events, today: () => Date) {
    this.today = today;
    this.off = events.on((event) => this.hear(event), { name: 'status', types: ['breaker.opened', 'breaker.paused'] });
  }

  /** Of a breaker by its name; undefined where it has never opened. */
  of(breaker: string): Trips | undefined {
    return this.trips.get(breaker);
  }

  close(): void {
    this.off();
  }

  private hear(event: ReportedEvent): void {
    if (event.type === 'breaker.opened') this.opened(event.name, event.reason, event.cooldownMs);
    else if (event.type === 'breaker.paused') this.opened(event.name, event.reason, event.pausedMs);
  }

  private opened(name: string, reason: string, ms: number): void {
    const count = (this.trips.get(name)?.count ?? 0) + 1;
    if (count === 1 && this.trips.size >= maxBreakers) return;
    this.trips.set(name, { count, last: { at: this.today().toISOString(), reason, open_ms: Math.round(ms) } });
  }
}
