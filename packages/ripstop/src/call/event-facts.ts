/** What events tell, where it takes more than a few words. */
import type { ErrorType, Origin } from '../errors/error-types.js';

/** What an error handler tells of an error, once for each request that it ended. Nothing in it is private. */
export interface HandledError {
  readonly errorType: ErrorType;
  /** The class of what was thrown, from which the error was made. */
  readonly errorClass: string;
  readonly status: number;
  readonly origin: Origin;
  readonly message: string;
  readonly operation: string;
  /** What was known of the request: plain JSON, redacted. */
  readonly context: Readonly<Record<string, unknown>>;
}

/** `timeout`: the check did not answer in time; `error`: it threw. */
export type HealthStatus = 'unknown' | 'healthy' | 'unhealthy' | 'error' | 'timeout';

/** `degraded`: a check fails that is not critical. */
export type OverallStatus = 'healthy' | 'degraded' | 'critical';

export type AlertStatus = 'firing' | 'resolved';

/** What is out of the ordinary, measured against what came before. */
export interface Spike {
  readonly kind: 'errors' | 'latency' | 'throughput';
  /** The type of the errors, where models are watched each `type:model`; of latency and throughput, the operation. */
  readonly subject: string;
  /** Errors and calls a minute; of latency, milliseconds. */
  readonly recent: number;
  readonly baseline: number;
}
