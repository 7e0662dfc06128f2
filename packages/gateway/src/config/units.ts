/** Durations and sizes as people write them: a number and its unit. */

const durations: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizes: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };

/** `2s` → 2 000. `undefined` for anything else. */
export function parseDuration(text: string): number | undefined {
  return parse(text, durations);
}

/** `10mb` → 10 × 1024². `undefined` for anything else. */
export function parseSize(text: string): number | undefined {
  return parse(text, sizes);
}

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]{1,2})$/i.exec(text.trim());
  const unit = match?.[2] === undefined ? undefined : units[match[2].toLowerCase()];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
