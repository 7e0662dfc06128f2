import { ModelError } from './model-error.js';
import { hideSecrets } from './redact.js';

/** An error as it stands in a log: plain, and without what others wrote into it. */
export interface LoggedError {
  /** The class. */
  readonly type: string;
  readonly error_type?: string;
  /** The system's or the framework's own code, `ECONNRESET` for example. */
  readonly code?: string;
  readonly message?: string;
  /** The frames alone: in front of them stands the message. */
  readonly stack?: string;
  readonly cause?: LoggedError;
  /** The members of an `AggregateError`. */
  readonly errors?: readonly LoggedError[];
}

/** Whose messages are told: those of a `ModelError`, which are made to be shown, or everybody's, for development. */
export type ToldMessages = 'own' | 'all';

const deepestCause = 4;
const maxMembers = 4;
const made = new WeakSet<object>();

/**
 * An error for a log. A `ModelError` says what may be known; what an SDK, a driver or the network threw may hold a key, a
 * host or a piece of a prompt in its message, so of those the class, the code and the stack frames are told.
 */
export function loggedError(error: unknown, messages: ToldMessages = 'own'): LoggedError {
  if (isLogged(error)) return error;
  try {
    return told(error, messages, 0);
  } catch {
    // Only an error made to harm comes here: a proxy, or a getter that throws.
    return { type: 'unreadable' };
  }
}

/** The class of an error, as a label: an odd name is none. */
export function errorClass(error: unknown): string {
  try {
    if (!(error instanceof Error)) return error === null ? 'null' : typeof error;
    return /^[\w$]{1,64}$/.test(error.name) ? error.name : 'Error';
  } catch {
    // As above.
    return 'unreadable';
  }
}

/** Has `loggedError` made it? */
export function isLogged(value: unknown): value is LoggedError {
  return typeof value === 'object' && value !== null && made.has(value);
}

function told(error: unknown, messages: ToldMessages, depth: number): LoggedError {
  if (!(error instanceof Error)) return { type: errorClass(error) };
  const { code, stack, cause, errors } = error as Error & { readonly code?: unknown; readonly errors?: unknown };
  const own = ModelError.isInstance(error);
  const frames = typeof stack === 'string' ? stack.split('\n').filter((line) => line.startsWith('    at ')) : [];
  const below = (inner: unknown): LoggedError => told(inner, messages, depth + 1);
  const logged: LoggedError = {
    type: errorClass(error),
    ...(own ? { error_type: error.errorType } : {}),
    ...(typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? { code } : {}),
    ...(own || messages === 'all' ? { message: hideSecrets(error.message) } : {}),
    ...(frames.length === 0 ? {} : { stack: frames.join('\n') }),
    ...(cause === undefined || depth === deepestCause ? {} : { cause: below(cause) }),
    ...(Array.isArray(errors) && depth < deepestCause ? { errors: errors.slice(0, maxMembers).map(below) } : {}),
  };
  made.add(logged);
  return logged;
}
