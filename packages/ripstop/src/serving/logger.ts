/** What Ripstop asks of a logger: pino's shape, which `console` has too. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type LogLevel = keyof Logger;

/** The default: warnings and errors on the console, nothing else. */
export const consoleLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, message) => console.warn(message, fields),
  error: (fields, message) => console.error(message, fields),
};

/** The same logger with `fields` on every line. */
export function withFields(logger: Logger, fields: object): Logger {
  const line =
    (level: LogLevel) =>
    (more: object, message: string): void =>
      logger[level]({ ...fields, ...more }, message);
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}
