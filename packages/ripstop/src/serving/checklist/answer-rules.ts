import { type Judgement, met, missing, notApplicable } from './finding.js';
import type { Seen } from './seen.js';

export const answerRules = {
  friendly_messages: (): Judgement => met('Every error type has a plain sentence'),

  hidden_internals({ errorHandler }: Seen): Judgement {
    if (errorHandler.exposeDetails === 'never')
      return met('An unexpected error is told as internal_error, without its text');
    return missing(
      'The error handler shows the texts of unexpected errors',
      "Leave exposeDetails at 'never' wherever others can call",
    );
  },

  actionable_errors: (): Judgement => met('Every error says whether to try again, and when; most say what else to do'),

  one_error_format({ cords }: Seen): Judgement {
    if (cords.length === 0) return notApplicable('There are no cords');
    const openai = cords.filter(({ dialect }) => dialect === 'openai').length;
    const told = openai === 0 ? '' : `; ${openai} cords speak OpenAI’s dialect, in which it is that one’s`;
    return met(`All errors have one envelope${told}`);
  },

  correlation_ids({ options }: Seen): Judgement {
    const how = options.errorContext === 'none' ? 'in the context that handlers get' : 'wherever a request’s work runs';
    return met(`Every answer has X-Correlation-ID; the same id is known ${how}`);
  },
};
