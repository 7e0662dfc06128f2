import { createError } from './create-error.js';
import { type ErrorFacts, type ErrorType, errorFacts } from './error-types.js';

/** What the table says about one type. */
export interface ErrorTypeFacts extends ErrorFacts {
  /** May another model be asked instead? */
  readonly nextModel: 'yes' | 'no' | 'larger_window' | 'opt_in';
  /** The message where nothing more is known: one plain sentence, safe to show. */
  readonly sentence: string;
}

/** Whatever is not named here may be asked of another model. */
const nextModels: Partial<Record<ErrorType, ErrorTypeFacts['nextModel']>> = {
  invalid_input: 'no',
  validation_error: 'no',
  context_length_exceeded: 'larger_window',
  content_filtered: 'opt_in',
  cancelled: 'no',
  internal_error: 'no',
};

/** May another model be asked, after an error of this type? */
export function nextModelAfter(errorType: ErrorType): ErrorTypeFacts['nextModel'] {
  return nextModels[errorType] ?? 'yes';
}

/** The whole table of error types, as the documentation shows it. */
export const errorTypes = /* @__PURE__ */ errorTable();

function errorTable(): Readonly<Record<ErrorType, ErrorTypeFacts>> {
  const types = Object.keys(errorFacts) as ErrorType[];
  return Object.fromEntries(
    types.map((type) => {
      return [type, { ...errorFacts[type], nextModel: nextModelAfter(type), sentence: createError(type).message }];
    }),
  ) as Record<ErrorType, ErrorTypeFacts>;
}
