/** Values with a unit, and counts. */
import { z } from 'zod';
import { parseDuration, parseSize } from './units.js';

function withUnit(parse: (text: string) => number | undefined, message: string): z.ZodType<number, string> {
  return z.string({ error: message }).transform((text, context) => {
    const value = parse(text);
    if (value !== undefined && value > 0) return value;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

export const duration = withUnit(parseDuration, 'must be a duration with its unit, such as 500ms, 2s, 5m or 1h');
export const size = withUnit(parseSize, 'must be a size with its unit, such as 512kb, 10mb or 1gb');

export const count = z.number().int().min(1);
