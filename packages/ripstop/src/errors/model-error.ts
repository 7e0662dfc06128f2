import { type ErrorType, errorFacts, type Origin, type StatusProfile } from './error-types.js';

/** Facts about an error that its caller may see: plain JSON, never a prompt, a body, a key or a host. */
export type PublicDetails = Readonly<Record<string, unknown>>;

/** One try at a call, as it is reported to the caller. */
export interface AttemptReport {
  readonly model?: string;
  readonly errorType: ErrorType;
  readonly status?: number;
  /** Where the attempt was when it failed, for example `first_content`. */
  readonly phase?: string;
  readonly ms: number;
}

/** Why a call was not tried again. */
export type StopReason =
  | 'cancelled'
  | 'committed'
  | 'not_retryable'
  | 'attempts'
  | 'deadline'
  | 'circuit_open'
  | 'budget'
  | 'not_replayable';

/** What may be said about an error beyond its type and message. */
export interface ModelErrorOptions {
  /** Replaces the message. Must be safe to show to the caller. */
  readonly message?: string;
  readonly details?: PublicDetails;
  /** Default: as the table of error types says. */
  readonly isRetryable?: boolean;
  /** The wait that was stated, in milliseconds; capped at 7 days. Negative and non-finite values are ignored. */
  readonly retryAfterMs?: number;
  readonly correlationId?: string;
  readonly origin?: Origin;
  /** Overrides the HTTP status of the `http` profile (405 for `invalid_input`, say). */
  readonly status?: number;
  readonly cause?: unknown;
  /** For our own logs only: never serialised. */
  readonly diagnostics?: unknown;
  /**
   * `none` for what is made by the thousands while a service is down: most of the cost of an error is the list of
   * calls that led to it, which of a rejection tells nothing. Default: `calls`, as every error has it.
   */
  readonly stack?: 'calls' | 'none';
}

/** What a failed field of the input is told: where it stands, and one sentence. Never its value. */
export interface FieldError {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** The one body in which every error reaches a caller (the native envelope). */
export interface ErrorEnvelope {
  readonly error: string;
  readonly error_type: ErrorType;
  readonly details: PublicDetails;
  readonly is_retryable: boolean;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  readonly correlation_id: string | null;
  readonly retry_after_ms?: number;
  readonly field_errors?: Readonly<Record<string, readonly string[]>>;
  readonly fields?: readonly FieldError[];
}

const brand = Symbol.for('ripstop.ModelError');
const longestWaitMs = 7 * 24 * 60 * 60 * 1000;

/**
 * The base of every error that Ripstop throws on purpose.
 *
 * `message` and `details` are safe to show. What must stay private goes into `cause` or `diagnostics`, neither of
 * which is ever serialised. `correlationId`, `attempts` and `stopReason` are written on the way out, by the layers
 * that the error passes; the object itself is never replaced.
 */
export class ModelError extends Error {
  static readonly errorType: ErrorType | undefined = undefined;

  override readonly name: string = 'ModelError';
  declare readonly errorType: ErrorType;
  declare readonly details: PublicDetails;
  declare readonly isRetryable: boolean;
  declare readonly retryAfterMs: number | undefined;
  /** When the error was made. */
  declare readonly timestamp: Date;
  declare readonly origin: Origin;
  declare correlationId: string | undefined;
  declare attempts: readonly AttemptReport[] | undefined;
  declare stopReason: StopReason | undefined;
  /** For our own logs; not enumerable, never serialised. */
  declare readonly diagnostics: unknown;
  declare private readonly statusOverride: number | undefined;

  constructor(errorType: ErrorType, message: string, options: ModelErrorOptions = {}) {
    const { stackTraceLimit } = Error;
    if (options.stack === 'none') Error.stackTraceLimit = 0;
    super(options.message ?? message, options);
    if (options.stack === 'none') Error.stackTraceLimit = stackTraceLimit;
    const facts = errorFacts[errorType];
    this.errorType = errorType;
    this.details = options.details ?? {};
    this.isRetryable = options.isRetryable ?? facts.retryable;
    this.retryAfterMs = statedWait(options.retryAfterMs);
    this.timestamp = new Date();
    this.origin = options.origin ?? facts.origin;
    this.correlationId = options.correlationId;
    this.attempts = undefined;
    this.stopReason = undefined;
    if (options.diagnostics !== undefined) hide(this, 'diagnostics', options.diagnostics);
    if (options.status !== undefined) hide(this, 'statusOverride', options.status);
  }

  /**
   * Is this one of ours, even if it comes from another copy of the package?
   * On a leaf class: and is it of that class's type?
   */
  static isInstance<T extends ModelError>(
    this: { readonly prototype: T; readonly errorType: ErrorType | undefined },
    error: unknown,
  ): error is T {
    if (typeof error !== 'object' || error === null || !(brand in error)) return false;
    return this.errorType === undefined || (error as { errorType?: unknown }).errorType === this.errorType;
  }

  /** HTTP status under the `http` profile. */
  get status(): number {
    return this.statusFor('http');
  }

  /** The same as `status`, under the name that Express and Fastify read. */
  get statusCode(): number {
    return this.status;
  }

  /** The message is made to be shown. */
  get expose(): boolean {
    return true;
  }

  /** Headers that belong to the answer: `Retry-After`, `x-should-retry`, `X-Correlation-ID`, where they apply. */
  get headers(): Record<string, string> {
    const headers: Record<string, string> = {};
    if (this.retryAfterMs !== undefined && (this.status === 429 || this.status === 503)) {
      headers['retry-after'] = String(Math.ceil(this.retryAfterMs / 1000));
    }
    if (!this.isRetryable && looksRetryable(this.status)) headers['x-should-retry'] = 'false';
    if (this.correlationId !== undefined) headers['x-correlation-id'] = this.correlationId;
    return headers;
  }

  statusFor(profile: StatusProfile): number {
    const facts = errorFacts[this.errorType];
    if (profile === 'http' && this.statusOverride !== undefined) return this.statusOverride;
    return this.origin === 'client' ? facts[profile] : (facts.ours?.[profile] ?? facts[profile]);
  }

  /** The native envelope. */
  toJSON(): ErrorEnvelope {
    return {
      error: this.message,
      error_type: this.errorType,
      details: this.details,
      is_retryable: this.isRetryable,
      timestamp: this.timestamp.toISOString(),
      correlation_id: this.correlationId ?? null,
      ...(this.retryAfterMs === undefined ? {} : { retry_after_ms: this.retryAfterMs }),
    };
  }

  /** A Web `Response` with the native envelope. */
  getResponse({ profile = 'http' }: { readonly profile?: StatusProfile } = {}): Response {
    return new Response(JSON.stringify(this), {
      status: this.statusFor(profile),
      headers: { ...this.headers, 'content-type': 'application/json; charset=utf-8' },
    });
  }
}

// On the prototype, so that it costs nothing per error.
Object.defineProperty(ModelError.prototype, brand, { value: true });

function hide(error: ModelError, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, enumerable: false });
}

/** SDKs that go by the status alone ask again after these, unless the header tells them not to (D9). */
function looksRetryable(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || (status >= 500 && status < 600);
}

function statedWait(ms: number | undefined): number | undefined {
  if (ms === undefined || !Number.isFinite(ms) || ms < 0) return undefined;
  return Math.min(ms, longestWaitMs);
}
