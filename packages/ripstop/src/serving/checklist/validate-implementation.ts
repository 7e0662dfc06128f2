import type { ErrorHandler } from '../error-handler.js';
import { answerRules } from './answer-rules.js';
import {
  type ChecklistCategory,
  type ChecklistItem,
  type ChecklistItemId,
  checklist,
  type ServiceItemId,
  serviceItems,
} from './checklist.js';
import type { ImplementationFinding, Judgement } from './finding.js';
import { inputRules } from './input-rules.js';
import { modelRules } from './model-rules.js';
import { monitoringRules } from './monitoring-rules.js';
import { resilienceRules } from './resilience-rules.js';
import { type Seen, seen } from './seen.js';
import { serviceRules } from './service-rules.js';
import { wiringOf } from './wiring.js';

/** Options of `validateImplementation()`. */
export interface ValidateOptions {
  /**
   * What handlers use and the chute does not keep in its state: chains, models, policies, and functions such as
   * `sanitizeText` or `safeGenerate`, for which the author's word is taken. Default: nothing.
   */
  readonly parts?: readonly unknown[];
}

/** What `validateImplementation()` has found. */
export interface ImplementationReport {
  /** The guide's four keys (R194). */
  readonly has_error_handler: boolean;
  readonly has_health_checks: boolean;
  readonly has_error_metrics: boolean;
  readonly has_fallback_chain: boolean;
  /** The 25 items in their order, then what else matters to a service. */
  readonly findings: readonly ImplementationFinding[];
}

type Rule = (service: Seen) => Judgement;
type Rules<Id extends string> = Readonly<Record<Id, Rule>>;

const rules: Rules<ChecklistItemId> = {
  ...inputRules,
  ...modelRules,
  ...resilienceRules,
  ...answerRules,
  ...monitoringRules,
};

const rulesOfServices: Rules<ServiceItemId> = serviceRules;

/**
 * Holds a chute against the checklist: what is there, what is missing, and what cannot be seen (R194, D126).
 *
 * It reads how the chute is put together: cords with their schemas and policies, limits, health checks, the error handler,
 * who listens to the events of its runtime, and the parts in its state. Nothing is called, so it may run in production and
 * in a test. Only what a chute does by itself, or what was seen, counts as `met`; what a handler does inside is `unknown`
 * until its parts are shown. Call it after `start()`, since startup hooks make the state.
 *
 * @throws RangeError for what is no chute.
 */
export function validateImplementation(
  app: { readonly errorHandler: ErrorHandler; readonly state: object },
  { parts = [] }: ValidateOptions = {},
): ImplementationReport {
  const service = seen(wiringOf(app), app, parts);
  const guides = Object.entries(checklist).flatMap(([category, items]) => {
    return items.map((item) => found(item, category as ChecklistCategory, rules[item.id](service)));
  });
  const others = serviceItems.map((item) => found(item, 'Service', rulesOfServices[item.id](service)));
  const { checks, listeners } = service;
  const { errorMetrics, healthChecker, chains } = service.parts;
  return {
    has_error_handler: typeof app.errorHandler.respond === 'function',
    has_health_checks: checks.size > 0 || healthChecker,
    has_error_metrics: listeners.includes('error_metrics') || errorMetrics,
    has_fallback_chain: chains.length > 0,
    findings: [...guides, ...others],
  };
}

function found(
  { id, text, page }: ChecklistItem & { readonly id: ChecklistItemId | ServiceItemId },
  category: ImplementationFinding['category'],
  judgement: Judgement,
): ImplementationFinding {
  return { item: id, category, text, ...judgement, page };
}
