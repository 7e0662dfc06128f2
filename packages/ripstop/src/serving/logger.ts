import { type RedactOptions, redactFields } from '../errors/redact-fields.js';
import { hideSecrets } from '../errors/redact.js';

/** What Ripstop asks of a logger: pino's shape, which `console` has too. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** For what needs somebody at once. Default: `error`. */
  fatal?(fields: object, message: string): void;
  /** Would a line of this level be written? Lines that would not are not made. Default: all are. */
  isLevelEnabled?(level: LogLevel): boolean;
}

/** From what only interests whoever looks for it, to what needs somebody at once. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** One line, before it is written. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: object;
}

/** The default: warnings and errors on the console, nothing else. */
export const consoleLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, message) => console.warn(message, fields),
  error: (fields, message) => console.error(message, fields),
};

/** The same logger with `fields` on every line. */
export function withFields(logger: Logger, fields: object): Logger {
  return eachLine(logger, ({ fields: more, ...line }) => ({ ...line, fields: { ...fields, ...more } }));
}

const redacting = new WeakSet<Logger>();

/**
 * The same logger behind the one place that every line of Ripstop passes: fields and texts lose keys, passwords, prompts
 * and answers, errors what others wrote into them (`redactFields`, `hideSecrets`). A logger that has it already stays.
 */
export function redactingLogger(logger: Logger, options: RedactOptions = {}): Logger {
  if (redacting.has(logger)) return logger;
  const safe = eachLine(logger, ({ level, message, fields }) => {
    return { level, message: hideSecrets(message), fields: redactFields(fields, options) };
  });
  redacting.add(safe);
  return safe;
}

/** Writes a line at its level. What comes back is nothing, or the promise of a logger that takes its time. */
export function write(logger: Logger, { level, message, fields }: LogLine): unknown {
  const known = level === 'fatal' && logger.fatal === undefined ? 'error' : level;
  return logger[known]?.(fields, message);
}

function eachLine(logger: Logger, change: (line: LogLine) => LogLine): Logger {
  const at =
    (level: LogLevel) =>
    (fields: object, message: string): unknown =>
      write(logger, change({ level, message, fields }));
  const isLevelEnabled = (level: LogLevel): boolean => logger.isLevelEnabled?.(level) !== false;
  const changed = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    isLevelEnabled,
  };
  // Fields that are given once stay behind the same door.
  if (redacting.has(logger)) redacting.add(changed);
  return changed;
}
