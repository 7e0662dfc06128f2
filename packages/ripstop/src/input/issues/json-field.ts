import { faultOf } from '../json-syntax.js';
import type { Finding } from './finding.js';

/** A text that should be JSON: where it breaks. The engine's own message repeats the text. */
export function brokenJsonField(value: unknown): Finding {
  if (typeof value !== 'string') return { noun: 'JSON' };
  const { what, line, column } = faultOf(value);
  return { sentence: `This field is not valid JSON: it ${what} at line ${line}, column ${column}` };
}
