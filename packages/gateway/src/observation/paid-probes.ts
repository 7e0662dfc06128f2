import type { ReportedEvent, Timer } from 'ripstop';
import type { Observed } from './observed.js';

type Watched = Pick<Observed, 'config' | 'chains' | 'degradation' | 'runtime'>;

/** As long as a caller would wait for the first word of an answer. */
const limitMs = 10_000;

/**
 * An upstream whose breaker is open is asked for one token at most every `paidEvery`, for gateways with so few callers that
 * nobody would notice its recovery. Two good answers close the breaker. Nothing is asked while the service is degraded,
 * and no caller's trial waits for it.
 */
export function paidProbes({ config, chains, degradation, runtime }: Watched): { close(): void } {
  const { clock, events } = runtime;
  const { paidEvery } = config.observation.recovery;
  const planned = new Map<string, Timer>();
  /** Also of those that are well again: a breaker that flaps is no reason to pay more often. */
  const askedAt = new Map<string, number>();
  const leaving = new AbortController();

  function plan(upstream: string): void {
    const sinceMs = clock.now() - (askedAt.get(upstream) ?? clock.now());
    const timer = clock.after(Math.max(0, paidEvery - sinceMs), () => void ask(upstream));
    planned.set(upstream, timer);
  }

  async function ask(upstream: string): Promise<void> {
    askedAt.set(upstream, clock.now());
    if (degradation.level === 'full') await probe(upstream);
    if (planned.has(upstream)) plan(upstream);
  }

  async function probe(model: string): Promise<void> {
    const startedAt = clock.now();
    const controller = new AbortController();
    const stop = (): void => controller.abort(leaving.signal.reason);
    const limit = clock.after(limitMs, stop);
    leaving.signal.addEventListener('abort', stop, { once: true });
    const healthy = await chains.tryOneToken(model, controller.signal).then(
      () => true,
      () => false,
    );
    limit.cancel();
    leaving.signal.removeEventListener('abort', stop);
    if (leaving.signal.aborted) return;
    const at = clock.now();
    events.emit({ type: 'probe.finished', model, healthy, ms: at - startedAt, at });
  }

  function end(upstream: string): void {
    planned.get(upstream)?.cancel();
    planned.delete(upstream);
  }

  function hear(event: ReportedEvent): void {
    if (event.type === 'breaker.opened') {
      // Other endpoints have names with a slash, and one token says nothing about them.
      if (Object.hasOwn(config.upstreams, event.name) && !planned.has(event.name)) plan(event.name);
    } else if (event.type === 'breaker.closed' || event.type === 'breaker.released') {
      end(event.name);
    }
  }

  const off = events.on(hear, {
    name: 'paid probes',
    types: ['breaker.opened', 'breaker.closed', 'breaker.released'],
  });
  return {
    close() {
      off();
      leaving.abort();
      for (const upstream of planned.keys()) end(upstream);
    },
  };
}
