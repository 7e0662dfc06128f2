import { pino } from 'pino';
import type { Logger } from 'ripstop/serving';

/** JSON lines on standard output. */
export function createLogger(level = 'info'): Logger {
  return pino({
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: errorForLog },
  });
}

interface LoggedError {
  readonly type: string;
  readonly code?: string;
  readonly message?: string;
  readonly stack?: string;
  readonly cause?: LoggedError;
}

const deepestCause = 4;

/**
 * An error without what others wrote into it. Our own messages are safe to show; those of causes may hold a key, a
 * host or a piece of a prompt, so of causes only the class, the code and our own stack frames are logged.
 */
export function errorForLog(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name, message, code, stack, cause } = error as Error & { code?: unknown };
  const frames = stack?.split('\n').filter((line) => line.startsWith('    at '));
  return {
    type: name,
    ...(typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? { code } : {}),
    ...(depth === 0 && 'errorType' in error ? { message } : {}),
    ...(frames === undefined || frames.length === 0 ? {} : { stack: frames.join('\n') }),
    ...(cause === undefined || depth === deepestCause ? {} : { cause: errorForLog(cause, depth + 1) }),
  };
}
