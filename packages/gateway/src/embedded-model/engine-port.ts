import type { Port, PortListener } from './child-process.js';
import type { EngineSpec, FromEngine, ToEngine } from './protocol.js';

/** A running engine process, from outside. */
export type EnginePort = Port<ToEngine>;
export type EngineListener = PortListener<FromEngine>;
export type OpenPort = (listener: EngineListener) => EnginePort;

/** Where engine processes come from. */
export interface EngineSource {
  open(spec: EngineSpec): OpenPort;
  /** Nothing is opened any more, and nothing is open. */
  close(): void;
}
