import { type Runtime, systemRuntime } from '../call/runtime.js';
import { type AttemptReport, ModelError } from '../errors/model-error.js';
import { modelFailure } from '../models/model-failure.js';
import type { Degradation, DegradationSnapshot } from './degradation.js';
import type { DegradationLevel } from './level-tracker.js';

/** What a degraded answer carries beside itself (R133). */
export interface DegradationNotes {
  /** What was said already, and what degradation adds to it. */
  readonly warning?: string;
  readonly degradation_level?: Exclude<DegradationLevel, 'full'>;
}

/** What is to be generated. */
export interface AdaptiveRequest<P extends object, R extends object> {
  /** As they were asked for. */
  readonly parameters: P;
  /** Is handed what the load allows of them. */
  readonly generate: (adjusted: P) => R | PromiseLike<R>;
  /** The caller's. Once it has aborted nothing is tried again. */
  readonly signal?: AbortSignal | undefined;
}

const emergencyWarning = 'Used emergency conservative parameters due to system stress';

/**
 * A generation that asks for as much as the load allows (R132–R134).
 *
 * Where it fails for want of capacity it is tried once more with half of the tokens and steps, unless the level is
 * minimal already or a wait was stated. An answer that may be less than what was asked for says so.
 *
 * @throws ModelOverloadedError when the request is shed. Otherwise the first failure; where there was a second, both
 * stand in its `attempts`.
 */
export async function adaptiveGenerate<P extends object, R extends object>(
  degradation: Degradation,
  { parameters, generate, signal }: AdaptiveRequest<P, R>,
  { clock }: Runtime = systemRuntime,
): Promise<R & DegradationNotes> {
  const service = degradation.admit();
  const startedAt = clock.now();
  try {
    return annotated(await generate(service.getAdjustedParameters(parameters)), service);
  } catch (error) {
    if (signal?.aborted || service.level === 'minimal') throw error;
    if (!ModelError.isInstance(error) || !wantsCapacity(error)) throw error;
    const failedAt = clock.now();
    try {
      return annotated(await generate(service.getEmergencyParameters(parameters)), service, emergencyWarning);
    } catch (again) {
      if (signal?.aborted) throw again;
      const first = error.attempts ?? [reportOf(error, failedAt - startedAt)];
      error.attempts = [...first, reportOf(modelFailure(again), clock.now() - failedAt)];
      throw error;
    }
  }
}

/** The answer, with what the level adds to it. A warning that is there stays (D96). */
function annotated<R extends object>(
  answer: R,
  service: DegradationSnapshot,
  emergency?: string,
): R & DegradationNotes {
  const { warning } = answer as DegradationNotes;
  const { level } = service;
  const warnings = [warning, service.getDegradationWarning(), emergency].filter((one) => typeof one === 'string');
  return {
    ...answer,
    ...(warnings.length === 0 ? {} : { warning: warnings.join('; ') }),
    ...(level === 'full' ? {} : { degradation_level: level }),
  };
}

/** Could less be had where this much could not? Not where a limit on the whole call is over, or a queue is full. */
function wantsCapacity({ errorType, details, retryAfterMs }: ModelError): boolean {
  if (errorType === 'inference_timeout') return details['phase'] !== 'total';
  if (errorType === 'model_overloaded') return details['reason'] === undefined && retryAfterMs === undefined;
  return errorType === 'out_of_memory';
}

function reportOf({ errorType, details: { status } }: ModelError, ms: number): AttemptReport {
  return { errorType, ...(typeof status === 'number' ? { status } : {}), ms };
}
