/** What the doctor has found. Nothing in it is a key or an address: whoever reads it may be anybody. */
import type { FindingStatus } from 'ripstop/serving';

export interface DoctorFinding {
  /** What was looked at: `timers`, or the id of an item of the checklist. */
  readonly check: string;
  /** The place in the configuration: `models.default`. */
  readonly about?: string;
  readonly status: FindingStatus;
  /** Of what is missing: does the gateway fail its callers by it, or would it be better with it? */
  readonly severity?: 'critical' | 'advice';
  readonly found: string;
  /** What to do; where something is missing or unknown. */
  readonly advice?: string;
  /** The page of the documentation that helps. */
  readonly page: string;
}

/** What one check says, before it is known whose page helps. */
export type Verdict = Omit<DoctorFinding, 'check' | 'page'>;

export const met = (found: string): Verdict => ({ status: 'met', found });
export const advised = (found: string, advice: string): Verdict => {
  return { status: 'missing', severity: 'advice', found, advice };
};
export const critical = (found: string, advice: string): Verdict => {
  return { status: 'missing', severity: 'critical', found, advice };
};
export const unknown = (found: string, advice: string): Verdict => ({ status: 'unknown', found, advice });
export const notApplicable = (found: string): Verdict => ({ status: 'not_applicable', found });

/** The verdict on one place of the configuration. */
export function about(place: string, verdict: Verdict): Verdict {
  return { ...verdict, about: place };
}
