/** How a chute is put together, for those who inspect it. A chute tells it under a symbol, and nothing in it is a secret. */
import type { Events } from '../../call/events.js';
import type { ChuteOptions } from '../chute-options.js';
import type { BodyLimits } from '../body-limits.js';
import type { Cord } from '../cord.js';

export interface Wiring {
  readonly cords: readonly Cord[];
  readonly limits: BodyLimits;
  readonly options: Required<Pick<ChuteOptions, 'deadlineMs' | 'health' | 'errorContext'>> &
    Pick<ChuteOptions, 'cors' | 'guard' | 'openApi' | 'logger'>;
  /** Of its health checks, by name: are they critical? */
  readonly checks: ReadonlyMap<string, boolean>;
  /** Have its startup hooks run? Before that its state may lack parts. */
  readonly started: boolean;
  /** Is it served by its own `listen()`, which drains? */
  readonly listening: boolean;
  /** Who listens to the events of its runtime. */
  readonly listeners: Events['listeners'];
}

/** Of the registry, so that two copies of the package understand each other. */
export const wiring: unique symbol = Symbol.for('ripstop.wiring') as typeof wiring;

/** @throws RangeError for what is no chute. */
export function wiringOf(app: object): Wiring {
  const tell: unknown = Reflect.get(app, wiring);
  if (typeof tell !== 'function') throw new RangeError('app must be a chute, as createChute() makes it');
  return Reflect.apply(tell, app, []) as Wiring;
}
