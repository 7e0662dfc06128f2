/** Events as log lines: one table of levels, one function from event to line. */
import { errorContext } from '../call/error-context.js';
import type { CallEvent, EventListener, Events, ReportedEvent } from '../call/events.js';
import { errorTypes } from '../errors/error-table.js';
import type { ErrorType } from '../errors/error-types.js';
import { type Logger, type LogLevel, type LogLine, redactingLogger, write } from './logger.js';

/** At which level each event is told. What depends on the event is decided below. */
const levels: Readonly<Record<CallEvent['type'], LogLevel>> = {
  'retry.scheduled': 'warn',
  'retry.stopped': 'warn',
  'timeout.expired': 'debug',
  'deadline.expired': 'debug',
  'breaker.opened': 'error',
  'breaker.paused': 'warn',
  'breaker.half_opened': 'info',
  'breaker.closed': 'info',
  'breaker.rejected': 'debug',
  'breaker.overridden': 'warn',
  'breaker.released': 'info',
  'throttle.rejected': 'debug',
  'hedge.started': 'debug',
  'hedge.won': 'debug',
  'hedge.lost': 'debug',
  'rate_limit.paused': 'warn',
  'rate_limit.delayed': 'debug',
  'rate_limit.rejected': 'debug',
  'limit.changed': 'debug',
  'limit.rejected': 'debug',
  'bulkhead.rejected': 'debug',
  'admission.rejected': 'debug',
  'coalesce.joined': 'debug',
  'fallback.used': 'warn',
  'model.failed': 'warn',
  'model.skipped': 'debug',
  'model.answered': 'debug',
  'attempt.finished': 'debug',
  'chain.down': 'error',
  'chain.recovered': 'info',
  'probe.finished': 'debug',
  'stream.resumed': 'warn',
  'stream.prefill_refused': 'info',
  'stream.not_resumed': 'warn',
  'generation.reduced': 'warn',
  'image.reduced': 'warn',
  'degradation.changed': 'warn',
  'degradation.source_failed': 'warn',
  'request.finished': 'debug',
  'health.changed': 'warn',
  'health.overall_changed': 'warn',
  'spike.started': 'error',
  'spike.ended': 'info',
  'incident.opened': 'warn',
  'incident.closed': 'info',
  'alert.delivered': 'info',
  'alert.failed': 'error',
  'alert.dropped': 'warn',
  'engine.started': 'info',
  'engine.stopped': 'warn',
  'error.handled': 'error',
  'error.critical': 'fatal',
  'listener.failed': 'error',
};

/**
 * The log line of an event. Its texts hold nothing that an upstream or a caller wrote: an error is told by its type.
 */
export function eventLine(event: ReportedEvent): LogLine {
  return { level: levelOf(event), message: textOf(event), fields: fieldsOf(event) };
}

/**
 * Writes a line for every event of `events`, through `redactingLogger`; returns the function that ends it. Errors that
 * reach an error handler are its own lines, and not written a second time.
 */
export function logEvents(events: Pick<Events, 'on'>, logger: Logger): () => void {
  const safe = redactingLogger(logger);
  const listener: EventListener = (event) => {
    if (event.type === 'error.handled' || event.type === 'error.critical') return;
    // Most events are of the level `debug`, which few loggers write, and making a line is dear.
    if (safe.isLevelEnabled?.(levelOf(event)) !== false) write(safe, eventLine(event));
  };
  return events.on(listener, { name: 'log' });
}

function levelOf(event: ReportedEvent): LogLevel {
  if (event.type === 'error.handled') return event.severity;
  if (event.type === 'retry.stopped') return stopLevel(event);
  if (event.type === 'health.changed' || event.type === 'health.overall_changed') return healthLevel(event);
  return levels[event.type];
}

/** A caller's mistake, or his leaving, is no error of ours (D58); of a refusal, who refused has told. */
function stopLevel({ stopReason, errorType, rejection }: Extract<CallEvent, { type: 'retry.stopped' }>): LogLevel {
  if (stopReason === 'cancelled' || rejection !== undefined) return 'debug';
  if (errorType !== undefined && errorTypes[errorType].origin === 'client') return 'info';
  return stopReason === 'not_retryable' ? 'error' : 'warn';
}

/** That something works is news only after it has not. */
function healthLevel({ status, previous }: { readonly status: string; readonly previous: string }): LogLevel {
  if (status === 'healthy' || status === 'unknown') return previous === 'unknown' ? 'debug' : 'info';
  return status === 'critical' ? 'error' : 'warn';
}

type Texts = { readonly [Type in CallEvent['type']]?: (event: Extract<ReportedEvent, { type: Type }>) => string };

/** The guide's words (R46, R47, R52, R54, R56, R73, R78); any other event is told by its name. */
const texts: Texts = {
  'retry.scheduled': (event) => {
    const seconds = (event.delayMs / 1000).toFixed(2);
    return `Attempt ${event.attempt ?? 1} failed for ${called(event)}: ${cause(event)}. Retrying in ${seconds} seconds...`;
  },
  'retry.stopped': (event) => {
    const { stopReason, rejection = stopReason, attempt = 1 } = event;
    return rejection === 'not_retryable'
      ? `Non-retryable error in ${called(event)}: ${cause(event)}`
      : `Gave up on ${called(event)} after attempt ${attempt} (${rejection}): ${cause(event)}`;
  },
  'breaker.half_opened': ({ name }) => `Circuit breaker for ${name} is now HALF_OPEN`,
  'breaker.closed': ({ name }) => `Circuit breaker for ${name} is now CLOSED`,
  'breaker.opened': ({ name }) => `Circuit breaker for ${name} is now OPEN`,
  'model.failed': (event) => `Model ${event.model} failed: ${cause(event)}`,
  'error.handled': ({ operation, message }) => `Error in ${operation}: ${message}`,
  'error.critical': ({ message }) => `CRITICAL ERROR: ${message}`,
};

function textOf(event: ReportedEvent): string {
  const text = texts[event.type] as ((event: ReportedEvent) => string) | undefined;
  return text === undefined ? event.type : text(event);
}

/** What is being called. Events are told where they happen, so the operation around them is the one. */
function called({ name }: { readonly name?: string | undefined }): string {
  return name ?? errorContext.current().operation ?? 'the call';
}

function cause({ errorType }: { readonly errorType: ErrorType | undefined }): string {
  return errorType === undefined ? 'an unknown error' : errorTypes[errorType].sentence;
}

function fieldsOf(event: ReportedEvent): Record<string, unknown> {
  const { type, correlationId } = event;
  const fields: Record<string, unknown> = { event: type };
  if (correlationId !== undefined) fields['correlation_id'] = correlationId;
  for (const [name, value] of Object.entries(event)) {
    // A logger has a clock of its own, and this one counts from an unknown start.
    if (name !== 'type' && name !== 'correlationId' && name !== 'at') fields[snakeCase(name)] = told(name, value);
  }
  return fields;
}

/** Nobody reads fractions of a millisecond. */
function told(name: string, value: unknown): unknown {
  return typeof value === 'number' && /ms$/i.test(name) ? Math.round(value) : value;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
