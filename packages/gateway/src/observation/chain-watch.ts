import { type CallEvent, errorTypes, type ReportedEvent, type Timer } from 'ripstop';
import type { Observed } from './observed.js';

/** An engine that is started again within this time, or a breaker that was opened by mistake, is not worth a word. */
const graceMs = 2_000;

/** What may change who is out. */
const moves: readonly CallEvent['type'][] = [
  'breaker.opened',
  'breaker.paused',
  'breaker.closed',
  'breaker.overridden',
  'breaker.released',
  'engine.started',
  'engine.stopped',
  'model.failed',
  'model.answered',
];

interface Down {
  readonly since: number;
  readonly timer: Timer;
  told: boolean;
}

/**
 * Tells when everybody behind a name is out (`chain.down`), and when one of them has shown that it is back
 * (`chain.recovered`). Looks when an event says that something has changed, and at no other time.
 */
export function watchChains({ chains, runtime }: Pick<Observed, 'chains' | 'runtime'>): { close(): void } {
  const { clock, events } = runtime;
  const down = new Map<string, Down>();

  function look(): void {
    for (const [name, standing] of chains.standings()) {
      const known = down.get(name);
      if (standing === 'down' && known === undefined) {
        const timer = clock.after(graceMs, () => tell(name));
        down.set(name, { since: clock.now(), timer, told: false });
      } else if (standing === 'well' && known !== undefined) {
        known.timer.cancel();
        down.delete(name);
        if (known.told) emit({ type: 'chain.recovered', name, downMs: clock.now() - known.since });
      }
    }
  }

  function tell(name: string): void {
    look();
    const known = down.get(name);
    if (known === undefined) return;
    known.told = true;
    emit({ type: 'chain.down', name });
  }

  function emit(event: CallEvent): void {
    events.emit({ ...event, at: clock.now() });
  }

  const hear = (event: ReportedEvent): void => void (changesStanding(event, down.size) && look());
  const off = events.on(hear, { name: 'chain watch', types: moves });
  return {
    close() {
      off();
      for (const { timer } of down.values()) timer.cancel();
      down.clear();
    },
  };
}

/** Of breakers and engines, always; a credential that is refused; and an answer, where that may be the end of such a refusal. */
function changesStanding(event: ReportedEvent, down: number): boolean {
  if (event.type === 'model.failed') return errorTypes[event.errorType].breaker === 'benches_credential';
  if (event.type === 'model.answered') return down > 0;
  return true;
}
