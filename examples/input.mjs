// What comes from outside, checked: fields against a schema, texts against what hides in them, JSON before it is parsed.
import { InvalidInputError, ValidationError } from 'ripstop';
import { formatIssues, parseJson, sanitizeText, validateInput } from 'ripstop/input';
import { z } from 'zod';

// snippet: validate
const Request = z.strictObject({
  prompt: z.string().min(1),
  temperature: z.number().min(0).max(2).default(1),
  messages: z.array(z.object({ role: z.enum(['user', 'assistant']) })).optional(),
});

try {
  await validateInput(Request, { prompt: '', temperature: 9, messages: [{ role: 'admin' }], promt: 'Hi' });
} catch (error) {
  if (!ValidationError.isInstance(error)) throw error;
  console.log(error.status, error.toJSON().field_errors);
}
// end of snippet

// snippet: format
const input = { prompt: 42 };
const result = Request.safeParse(input);
if (!result.success) console.log(formatIssues(result.error.issues, input).fields);
// end of snippet

// snippet: sanitize
console.log(sanitizeText('  Hello\u0000 wor\u200bld \u202e 👩🏽‍🚀 '));

try {
  sanitizeText('x'.repeat(50), { maxLength: 40, bidi: 'refuse' });
} catch (error) {
  if (!InvalidInputError.isInstance(error)) throw error;
  console.log(error.status, error.message, error.details);
}
// end of snippet

// snippet: sanitize-in-a-schema
const Prompt = z.object({ prompt: z.string().transform((text) => sanitizeText(text, { maxLength: 2_000 })) });
console.log(await validateInput(Prompt, { prompt: ' What is the capital of France? ' }));
// end of snippet

// snippet: json
try {
  parseJson(new TextEncoder().encode('{"prompt": "Hi",\n  "tags": [}'), { maxDepth: 20, maxFields: 1_000 });
} catch (error) {
  console.log(error.status, error.message, error.details);
}
// end of snippet
