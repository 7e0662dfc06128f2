/** What was found of one item. */
import type { ChecklistCategory, ChecklistItemId, ServiceItemId } from './checklist.js';

/**
 * `met`: it is there. `missing`: it is not. `not_applicable`: this service has no place for it. `unknown`: it cannot be
 * seen from outside, and may be there.
 */
export type FindingStatus = 'met' | 'missing' | 'not_applicable' | 'unknown';

/** One item, as this service has it. */
export interface ImplementationFinding {
  readonly item: ChecklistItemId | ServiceItemId;
  readonly category: ChecklistCategory | 'Service';
  /** What the item asks for. */
  readonly text: string;
  readonly status: FindingStatus;
  /** What was seen. */
  readonly found: string;
  /** What to do; where something is missing or unknown. */
  readonly advice?: string;
  /** The page of the documentation that helps. */
  readonly page: string;
}

/** The part of a finding that is judged. */
export type Judgement = Pick<ImplementationFinding, 'status' | 'found' | 'advice'>;

export const met = (found: string): Judgement => ({ status: 'met', found });
export const missing = (found: string, advice: string): Judgement => ({ status: 'missing', found, advice });
export const unknown = (found: string, advice: string): Judgement => ({ status: 'unknown', found, advice });
export const notApplicable = (found: string): Judgement => ({ status: 'not_applicable', found });

/** `a, b and 3 more`. */
export function listed(names: readonly string[], most = 5): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(', ')} and ${more} more` : names.join(', ');
}
