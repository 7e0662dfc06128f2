import { z } from 'zod';

/** The schema that the value's own shape calls for, so that its issues speak of that shape and not of every other. */
export function shaped<S extends z.ZodType>(
  choose: (value: unknown) => S,
  /** All that it may choose from, for the page of all keys. */
  shapes: readonly z.ZodType[],
): z.ZodType<z.output<S>> {
  return z
    .unknown()
    .transform((value, context) => {
      const parsed = choose(value).safeParse(value);
      if (parsed.success) return parsed.data;
      for (const issue of parsed.error.issues) context.issues.push({ ...issue, input: value } as never);
      return z.NEVER;
    })
    .meta({ shapes });
}
