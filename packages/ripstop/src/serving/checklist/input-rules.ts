import { validateFileUpload } from '../../input/file-upload.js';
import { sanitizeText } from '../../input/sanitize-text.js';
import { type Judgement, listed, met, missing, notApplicable, unknown } from './finding.js';
import { howToShow, named, namesOf, type Seen } from './seen.js';
import { unboundedIn } from './schema-bounds.js';

const takesNothing = 'No cord takes anything from a caller';

export const inputRules = {
  input_schemas({ working }: Seen): Judgement {
    if (working.length === 0) return notApplicable(takesNothing);
    const open = working.filter(({ input }) => input === 'not checked');
    if (open.length === 0) return met(`All ${working.length} cords that take something have a schema`);
    return missing(`Without a schema: ${listed(namesOf(open))}`, 'Give each cord an input: z.object({ … })');
  },

  sanitized_text(service: Seen): Judgement {
    if (service.working.length === 0) return notApplicable(takesNothing);
    if (named(service, sanitizeText)) return met('sanitizeText was named as a part');
    return unknown(
      'What a schema or a handler does to a text cannot be seen',
      `z.string().transform((text) => sanitizeText(text)) does it. ${howToShow(service, 'sanitizeText')}`,
    );
  },

  checked_uploads(service: Seen): Judgement {
    if (service.working.length === 0) return notApplicable(takesNothing);
    if (named(service, validateFileUpload)) return met('validateFileUpload was named as a part');
    return unknown(
      'Whether a handler takes files cannot be seen',
      `Where it does: await validateFileUpload(file, { allowedTypes }). ${howToShow(service, 'validateFileUpload')}`,
    );
  },

  clear_validation_errors({ working }: Seen): Judgement {
    if (working.length === 0) return notApplicable(takesNothing);
    if (working.some(({ input }) => input === 'checked')) {
      return met('What a schema refuses is a 422 with a sentence for each field');
    }
    return missing(
      'No cord has a schema, so nothing can say which field is wrong',
      'Give each cord an input: z.object({ … })',
    );
  },

  edge_cases({ working }: Seen): Judgement {
    if (working.length === 0) return notApplicable(takesNothing);
    const wide = working.flatMap(({ name, schema }) => {
      return schema === undefined ? [] : unboundedIn(schema).map((path) => `${name}.${path}`);
    });
    if (wide.length > 0) {
      return missing(
        `Without a limit of its own: ${listed(wide)}`,
        'Say .min() and .max() for texts, lists and numbers',
      );
    }
    const silent = working.filter(({ schema }) => schema === undefined);
    if (silent.length === 0) return met('Every text, list and number of every schema has a limit');
    return unknown(
      `No JSON Schema is known of: ${listed(namesOf(silent))}`,
      'Give the cord a schema that describes itself, or jsonSchema',
    );
  },
};
