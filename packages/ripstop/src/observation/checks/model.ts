import type { ReportedEvent } from '../../call/events.js';
import { assertNotNegative, assertPositive, type Defaults, withDefaults } from '../../call/options.js';
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { errorTypes } from '../../errors/error-table.js';
import type { ErrorType } from '../../errors/error-types.js';
import { ModelError } from '../../errors/model-error.js';
import type { TextModel } from '../../models/text-model.js';
import type { HealthCheck } from '../health-check.js';

/** Options of `modelCheck()`. */
export interface ModelCheckOptions {
  /** The model's name in events (`model.answered`, `model.failed`), so that callers' requests count. Default: they do not. */
  readonly name?: string | undefined;
  /** How long what became of a caller's request is believed, in milliseconds. Default: 60 000. */
  readonly freshMs?: number | undefined;
  /** From one generation of the check's own to the next at least, in milliseconds: each is paid for. Default: 300 000. */
  readonly everyMs?: number | undefined;
  /** Says that the model has enough to do: then no generation is asked for. Default: never. */
  readonly busy?: (() => boolean) | undefined;
}

type Settings = Defaults<ModelCheckOptions, 'freshMs' | 'everyMs' | 'busy'>;

/** The defaults of `modelCheck()`. */
export const modelCheckDefaults: Pick<Settings, 'freshMs' | 'everyMs'> = { freshMs: 60_000, everyMs: 300_000 };

/** What became of a request, and when. */
interface Heard {
  readonly errorType: ErrorType | undefined;
  /** The error's text; of callers' requests only the type is known. */
  readonly error?: string;
  readonly source: 'traffic' | 'generation';
  /** On the runtime's clock. */
  readonly at: number;
}

/**
 * Does a model answer (R151)? Callers' requests tell it for nothing: while the last one was answered not long ago, it does.
 * Otherwise the check asks for one token itself, at most every `everyMs` and not while the model is `busy`; between, the
 * last that was heard counts. Failures of the caller's own making say nothing. The model is handed in, so that no
 * lookup can miss it (D108).
 *
 * @throws RangeError for a bad option.
 */
export function modelCheck(
  model: Pick<TextModel, 'generate'>,
  options: ModelCheckOptions = {},
  runtime: Runtime = systemRuntime,
): HealthCheck {
  const { clock, events } = runtime;
  const defaults: Settings = { ...modelCheckDefaults, busy: () => false };
  const { name, freshMs, everyMs, busy } = withDefaults<ModelCheckOptions, Settings>(defaults, options);
  assertPositive('freshMs', freshMs);
  assertNotNegative('everyMs', everyMs);
  let heard: Heard | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  const hears = { name: 'health', types: ['model.answered', 'model.failed'] } as const;
  const off = name === undefined ? () => undefined : events.on(listener(name), hears);

  function listener(own: string): (event: ReportedEvent) => void {
    return (event) => {
      if (event.type !== 'model.answered' && event.type !== 'model.failed') return;
      if (event.model !== own) return;
      const errorType = event.type === 'model.failed' ? event.errorType : undefined;
      if (errorType === undefined || isServiceFault(errorType)) heard = { errorType, source: 'traffic', at: event.at };
    };
  }

  async function ask(signal: AbortSignal): Promise<void> {
    askedAt = clock.now();
    try {
      await model.generate('test', { maxTokens: 1, signal });
      heard = { errorType: undefined, source: 'generation', at: clock.now() };
    } catch (error) {
      const errorType = ModelError.isInstance(error) ? error.errorType : 'generation_failed';
      // Late is what the checker finds; whoever gave up says nothing of the model.
      if (signal.aborted) throw error;
      heard = { errorType, error: String(error), source: 'generation', at: clock.now() };
    }
  }

  const check: HealthCheck = async ({ signal }) => {
    const works = heard !== undefined && heard.errorType === undefined && clock.now() - heard.at < freshMs;
    if (!works && !busy() && clock.now() - askedAt >= everyMs) await ask(signal);
    return told(heard, { now: clock.now(), freshMs });
  };
  return Object.assign(check, { close: off });
}

/**
 * R151, with when it was heard of and how. A caller's failure is believed for a while only: whoever sends no requests
 * because of it would never hear of a better one.
 */
function told(heard: Heard | undefined, { now, freshMs }: { readonly now: number; readonly freshMs: number }): object {
  if (heard === undefined) return { healthy: null };
  const { errorType, error, source, at } = heard;
  const seen = { source, age_ms: Math.round(now - at) };
  if (errorType !== undefined && source === 'traffic' && now - at >= freshMs) return { healthy: null, ...seen };
  if (errorType === undefined) return { healthy: true, model_loaded: true, inference_working: true, ...seen };
  return {
    healthy: false,
    model_loaded: errorType !== 'model_loading_failed' && errorType !== 'model_not_found',
    inference_working: false,
    error_type: errorType,
    reason: errorTypes[errorType].sentence,
    ...(error !== undefined && { error }),
    ...seen,
  };
}

function isServiceFault(errorType: ErrorType): boolean {
  return errorTypes[errorType].origin !== 'client';
}
