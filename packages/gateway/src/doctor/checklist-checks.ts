/** The 25 items of the checklist, as a gateway with this configuration has them. */
import type { ChecklistItemId } from 'ripstop/serving';
import type { Config } from '../config/schema.js';
import { advised, met, notApplicable, type Verdict } from './finding.js';
import { fallbacks, timers, windows } from './chain-checks.js';

/** A configuration, and who listens to the events of a gateway that was made of it. */
export interface Patient {
  readonly config: Config;
  readonly listeners: readonly (string | undefined)[];
}

type Item = (patient: Patient) => Verdict;

const alertAdvice = 'Say who is to be told: alerts: [{ slack: "${SLACK_URL}" }]';

/** What every gateway does is said in words; what depends on the configuration is read from it. */
export const checklistChecks: Readonly<Record<ChecklistItemId, Item>> = {
  input_schemas: () => met('Every endpoint checks the fields that it reads, and refuses what does not fit'),
  sanitized_text: () => {
    return notApplicable(
      'Texts go to the upstreams as they came: who builds the prompt sanitises it, with sanitizeText()',
    );
  },
  checked_uploads: () => notApplicable('No endpoint takes files'),
  clear_validation_errors: () => met('What does not fit is refused with the field and the reason'),
  edge_cases: ({ config }) =>
    met(`Bodies end at ${config.server.bodyLimit} bytes; depth, fields and numbers have limits`),

  guarded_model_calls: () => met('Whatever an upstream answers becomes an answer or one of the error types'),
  memory_errors: () => met('After memory ran out half of the tokens are asked for, once, then the next upstream'),
  inference_timeouts: ({ config }) => summed(timers(config), 'Every call ends within its total'),
  context_length: ({ config }) =>
    summed(
      windows(config),
      'Windows are known: a prompt that is too long goes to a larger one, or is refused with both lengths',
    ),
  fallback_models: ({ config }) => summed(fallbacks(config), 'Every name has at least two upstreams'),

  retries: ({ config }) => retried(config),
  circuit_breakers: () => met('Each endpoint of each upstream has its breaker'),
  graceful_degradation: ({ config }) => {
    const { levels, degrade } = config.load;
    const where = degrade ? 'everywhere' : 'at /adaptive_generate';
    return met(`Answers shrink ${where} above ${levels.reduced} and ${levels.minimal} of what can be carried`);
  },
  health_checks: ({ listeners }) => {
    return listeners.includes('health')
      ? met('Upstreams, memory, disk and event loop have a check; probes answer at /livez, /readyz and /startupz')
      : advised('Nobody watches what the checks are about', 'Report it: this is a fault of Ripstop');
  },
  error_logs: () => met('One line for each request and one for each turn, with id, type, model and attempt'),

  friendly_messages: () => met('Every error type has a plain sentence'),
  hidden_internals: () =>
    met('An unexpected error is told as internal_error, without its text; no answer has a key or an address'),
  actionable_errors: () => met('Every error says whether to try again, and when'),
  one_error_format: () => met('One envelope for the native endpoints, OpenAI’s for /v1/*'),
  correlation_ids: () => met('Every answer has X-Correlation-ID, and so has every log line'),

  error_metrics: counted,
  error_trends: counted,
  spike_alerts: (patient) => alerted(patient, 'A rise of errors'),
  performance_alerts: (patient) => alerted(patient, 'A rise of latency'),
  health_monitoring: (patient) => alerted(patient, 'A health check that fails'),
};

/** The first thing that is wrong, in the words of the check that found it. */
function summed(verdicts: readonly Verdict[], well: string): Verdict {
  const wrong = verdicts.filter(({ status }) => status === 'missing');
  const [first] = wrong;
  if (first === undefined) return met(well);
  const others = wrong.length === 1 ? '' : ` (and ${wrong.length - 1} more)`;
  return { ...first, found: `${first.found}${others}` };
}

function retried({ models, images }: Config): Verdict {
  const once = Object.entries({ ...images, ...models }).filter(([, { retry }]) => retry.attempts === 1);
  if (once.length === 0) return met('Failures that pass are tried again, with full jitter, out of a budget');
  return advised(`Tried only once: ${once.map(([name]) => name).join(', ')}`, 'Set retry: { attempts: 2 } or 3');
}

function counted({ listeners }: Patient): Verdict {
  if (listeners.includes('error_metrics'))
    return met('/error_metrics tells rates, patterns and spikes; /metrics is for Prometheus');
  return advised('Nobody counts errors', 'Report it: this is a fault of Ripstop');
}

function alerted({ config, listeners }: Patient, what: string): Verdict {
  if (config.alerts.length === 0) return advised(`${what} is told to nobody but the log and /metrics`, alertAdvice);
  if (!listeners.includes('alerts'))
    return advised(`${what} is told to nobody`, 'Report it: this is a fault of Ripstop');
  return met(`${what} is told to ${config.alerts.length === 1 ? 'one sink' : `${config.alerts.length} sinks`}`);
}
