/** Which events mean that something is wrong, or over. One table, one function. */
import type { CallEvent, ReportedEvent, Spike } from '../call/events.js';
import { errorTypes } from '../errors/error-table.js';
import type { ErrorType } from '../errors/error-types.js';

/** `critical`: nobody is served, or money and access are at stake; `error`: something is out; `warning`: it may get worse. */
export type AlertSeverity = 'critical' | 'error' | 'warning';

interface AlertRule {
  readonly severity: AlertSeverity;
  /** Does an event tell of its end? Where none does, it is over when it was not seen for the cool-down. */
  readonly ends: 'by event' | 'by silence';
  /** `now`: waits for no company. */
  readonly told?: 'now';
  readonly summary: (subject: string) => string;
}

const rules = {
  error_spike: rule('error', (subject) => `Far more errors than usual: ${subject}`),
  latency_spike: rule('warning', (subject) => `Far slower than usual: ${subject}`),
  throughput_drop: rule('warning', (subject) => `Far fewer calls than usual: ${subject}`),
  breaker_open: rule('error', (subject) => `The breaker of ${subject} is open`),
  models_down: rule('critical', (subject) => `All models behind ${subject} are out`),
  check_failing: rule('error', (subject) => `The health check ${subject} fails`),
  service_degraded: rule('warning', (subject) => `A health check of ${subject} fails that is not critical`),
  service_critical: rule('critical', (subject) => `A critical health check of ${subject} fails`),
  credential_refused: { ...rule('critical', (subject) => `${subject} refuses our credential`), told: 'now' },
  quota_gone: { ...rule('critical', (subject) => `Our quota at ${subject} is used up`), told: 'now' },
  level_reduced: rule('warning', (subject) => `Answers of ${subject} are reduced: its load is high`),
  level_minimal: rule('error', (subject) => `Answers of ${subject} are minimal: its load is very high`),
  critical_error: {
    ...rule('critical', (subject) => `A critical error: ${subject}`),
    ends: 'by silence',
    told: 'now',
  },
  test: rule('warning', (subject) => `A test from ${subject}: nothing is wrong`),
} satisfies Record<string, AlertRule>;

/** What can be wrong. */
export type AlertClass = keyof typeof rules;

/** What can be wrong, how bad it is, and how it ends. */
export const alertRules: Readonly<Record<AlertClass, AlertRule>> = rules;

function rule(severity: AlertSeverity, summary: AlertRule['summary']): AlertRule {
  return { severity, ends: 'by event', summary };
}

/** What an event says of one alert. */
export interface Signal {
  readonly is: 'wrong' | 'over';
  readonly class: AlertClass;
  /** As it was told; not yet safe to send. */
  readonly subject: string;
  /** Default: that of the class. */
  readonly severity?: AlertSeverity | undefined;
  readonly errorType?: ErrorType | undefined;
  readonly correlationId?: string | undefined;
}

type Reading<E> = (event: E, source: string) => readonly Signal[];

/** What each event says. Those that are not named say nothing. */
const readings: { readonly [Type in CallEvent['type']]?: Reading<Extract<ReportedEvent, { type: Type }>> } = {
  'attempt.finished': access,
  'model.failed': access,
  'model.answered': access,
  'breaker.opened': (event) => [wrong('breaker_open', event.name, event)],
  'breaker.closed': ({ name }) => [over('breaker_open', name)],
  'breaker.overridden': ({ name }) => [over('breaker_open', name)],
  'chain.down': (event) => [wrong('models_down', event.name, event)],
  'chain.recovered': ({ name }) => [over('models_down', name)],
  'spike.started': (event) => [wrong(spikeClasses[event.kind], event.subject, { errorType: typeOfSpike(event) })],
  'spike.ended': ({ kind, subject }) => [over(spikeClasses[kind], subject)],
  'health.changed': ({ check, critical, status }) => {
    if (status === 'unknown') return [];
    if (status === 'healthy') return [over('check_failing', check)];
    return [wrong('check_failing', check, { severity: critical ? 'error' : 'warning' })];
  },
  'health.overall_changed': ({ status }, source) =>
    steps(status, ['degraded', 'service_degraded'], ['critical', 'service_critical'], source),
  'degradation.changed': ({ level, name }) =>
    steps(level, ['reduced', 'level_reduced'], ['minimal', 'level_minimal'], name),
  'error.critical': (event) => [wrong('critical_error', event.errorType, event)],
};

/** What an event says; nothing, for most. `source` is the subject of what concerns the whole service. */
export function signalsOf(event: ReportedEvent, source: string): readonly Signal[] {
  const reading = readings[event.type] as Reading<ReportedEvent> | undefined;
  return reading === undefined ? [] : reading(event, source);
}

const spikeClasses: Readonly<Record<Spike['kind'], AlertClass>> = {
  errors: 'error_spike',
  latency: 'latency_spike',
  throughput: 'throughput_drop',
};

/** The subject is a type, or that of one model: `type:model`. */
function typeOfSpike({ kind, subject }: Spike): ErrorType | undefined {
  const [type = ''] = subject.split(':', 1);
  return kind === 'errors' && Object.hasOwn(errorTypes, type) ? (type as ErrorType) : undefined;
}

function wrong(
  kind: AlertClass,
  subject: string,
  { severity, errorType, correlationId }: Pick<Signal, 'severity' | 'errorType' | 'correlationId'>,
): Signal {
  return { is: 'wrong', class: kind, subject, severity, errorType, correlationId };
}

function over(kind: AlertClass, subject: string): Signal {
  return { is: 'over', class: kind, subject };
}

interface ModelNews {
  readonly model: string;
  readonly errorType?: ErrorType | undefined;
  readonly correlationId?: string;
}

const refusals: Partial<Record<ErrorType, AlertClass>> = {
  authentication_failed: 'credential_refused',
  permission_denied: 'credential_refused',
  quota_exceeded: 'quota_gone',
};

/** One refusal is enough, since no later call can do better; and one answer is enough to take it back (GW20). */
function access(event: ModelNews): readonly Signal[] {
  const { model, errorType } = event;
  if (errorType === undefined) return [over('credential_refused', model), over('quota_gone', model)];
  const kind = refusals[errorType];
  return kind === undefined ? [] : [wrong(kind, model, event)];
}

type Step = readonly [state: string, kind: AlertClass];

/** The worse step is told beside the lesser one, which holds until all is well. */
function steps(state: string, [lesser, less]: Step, [worse, more]: Step, subject: string): readonly Signal[] {
  if (state === worse) return [wrong(more, subject, {})];
  if (state === lesser) return [wrong(less, subject, {}), over(more, subject)];
  return [over(less, subject), over(more, subject)];
}
