/** What a chute can be told, and what it does unless told otherwise. */
import type { StatusProfile } from '../errors/error-types.js';
import { type BodyLimitOptions, bodyLimitDefaults } from './body-limits.js';
import type { Guard } from './cord.js';
import type { CorsOptions } from './cors.js';
import type { ErrorHandler } from './error-handler.js';
import type { Logger } from './logger.js';
import type { OpenApiOptions } from './openapi.js';
import type { RequestSummary } from './request-summary.js';

/** Options of `createChute()`. */
export interface ChuteOptions<State extends object = object> extends BodyLimitOptions {
  /** Stands on every log line. */
  readonly name: string;
  /** For the OpenAPI document. Default: `0.0.0`. */
  readonly version?: string | undefined;
  /** What requests and hooks share, from the beginning. Default: an empty object. */
  readonly state?: State;
  /** Default: warnings and errors on the console. */
  readonly logger?: Logger;
  /** Default: `http`. */
  readonly profile?: StatusProfile;
  /** Default: one of its own with this logger and profile. Give one to share it, or to expose details. */
  readonly errorHandler?: ErrorHandler;
  /** Silence of a stream after which `: ping` is sent, in milliseconds. Default: 10 000; `Infinity` sends none. */
  readonly heartbeatMs?: number;
  /**
   * How a stream that breaks ends, after the frame with its error: as any stream does, or by breaking the connection as
   * well, for clients that look at nothing else. Default: `frame`.
   */
  readonly streamErrors?: 'frame' | 'frame_and_break';
  /** The time for a whole request, in milliseconds; a caller may ask for less. Default: none. */
  readonly deadlineMs?: number;
  /** Asked before any cord that has no guard of its own, and where there is no cord. Default: everybody may come in. */
  readonly guard?: Guard;
  /** Which pages may call from a browser. Default: none. */
  readonly cors?: CorsOptions;
  /** `/openapi.json`. Default: served, under the chute's guard. */
  readonly openApi?: 'none' | OpenApiOptions;
  /** `/livez`, `/readyz`, `/startupz` (open to all) and `/health` (under the chute's guard). Default: `served`. */
  readonly health?: 'none' | 'served';
  /**
   * `requests`: whatever runs in a request finds its id in `errorContext.current()`. That makes every promise of the
   * process dearer (Node 20 and 22); a service that hands its context on by itself can do without: `none`.
   * Default: `requests`.
   */
  readonly errorContext?: 'requests' | 'none';
  /** Called once per request, when its answer is ready; for a stream, when it has ended. */
  readonly onRequest?: (summary: RequestSummary) => void;
}

/** What a chute does unless told otherwise. */
export const chuteDefaults = {
  ...bodyLimitDefaults,
  version: '0.0.0',
  profile: 'http',
  heartbeatMs: 10_000,
  streamErrors: 'frame',
  deadlineMs: Number.POSITIVE_INFINITY,
  openApi: {},
  health: 'served',
  errorContext: 'requests',
} as const satisfies Partial<ChuteOptions>;
