import { createError, type ErrorType, errorTypes } from 'ripstop/errors';
import { describe, expect, test } from 'vitest';
import { readText } from './repository.js';

const page = readText('docs/errors.md');
const rows = [...page.matchAll(/^\| \[`(\w+)`\]\(#(\w+)\) \| (.+) \|$/gm)].map(([, errorType, anchor, rest = '']) => {
  return { errorType: errorType as ErrorType, anchor, cells: rest.split(' | ') };
});

/** A row of the page, as the table in the sources has it. */
function expectedCells(errorType: ErrorType): string[] {
  const { http, chutes, ours, retryable, nextModel, breaker, origin } = errorTypes[errorType];
  const status = (plain: number, own: number | undefined): string =>
    `${plain}${own === undefined ? '' : ` (ours: ${own})`}`;
  return [
    `\`${createError(errorType).name}\``,
    status(http, ours?.http),
    status(chutes, ours?.chutes),
    retryable ? 'yes' : 'no',
    nextModel.replace('_', ' '),
    breaker.replace('_', ' '),
    origin,
  ];
}

describe('docs/errors.md', () => {
  test('lists every type once, in the order of the table', () => {
    expect(rows.map(({ errorType }) => errorType)).toEqual(Object.keys(errorTypes));
  });

  test.each(rows)('has the values of $errorType', ({ errorType, anchor, cells }) => {
    expect(cells).toEqual(expectedCells(errorType));
    expect(anchor).toBe(errorType);
  });

  test.each(rows)(
    'explains $errorType, beginning with the sentence that callers see, and says what to do',
    ({ errorType }) => {
      const section = page.split(/^### /m).find((text) => text.startsWith(`${errorType}\n`));
      expect(section).toContain(`*${errorTypes[errorType].sentence}.*`);
      expect(section).toContain('**Do:**');
    },
  );

  test('names every header that an error may bring', () => {
    const headers = createError('quota_exceeded', { retryAfterMs: 1_000, correlationId: 'a' }).headers;
    for (const name of Object.keys(headers)) expect(page.toLowerCase()).toContain(`\`${name}`);
  });

  test('shows the envelope as it is', () => {
    const error = createError('context_length_exceeded', { inputLength: 5_000, maxLength: 4_096 });
    const shown: unknown = JSON.parse(/```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '');
    expect(shown).toEqual({ ...error.toJSON(), timestamp: expect.any(String), correlation_id: expect.any(String) });
  });
});
