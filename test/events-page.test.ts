import { eventLine } from 'ripstop/serving';
import { describe, expect, test } from 'vitest';
import { eventsOf, eventsPage } from '../scripts/events-page.mjs';
import { readSources } from '../scripts/api.mjs';
import { readText } from './repository.js';

const events = eventsOf(readSources('packages/ripstop/src'));

describe('docs/events.md', () => {
  test('is what the sources say; `node scripts/events-page.mjs` writes it anew', () => {
    expect(readText('docs/events.md')).toBe(eventsPage(events));
  });

  test('has a sentence and a level for every event, and every field its type', () => {
    expect(events.length).toBeGreaterThan(50);
    for (const { type, line, level, fields } of events) {
      expect(type).toMatch(/^[a-z_]+\.[a-z_]+$/);
      expect([type, line]).toEqual([type, expect.stringMatching(/^[A-Z].*\.$/)]);
      expect([type, level]).toEqual([type, expect.stringMatching(/^(debug|info|warn|error|fatal)$/)]);
      for (const field of fields)
        expect([type, field.name, field.type]).toEqual([type, expect.any(String), expect.stringMatching(/./)]);
    }
  });

  test('tells the level that the log has', () => {
    const told = events.filter(({ type }) => !['error.handled', 'retry.stopped'].includes(type));
    for (const { type, level } of told)
      expect([type, eventLine({ type, at: 0 } as never).level]).toEqual([type, level]);
  });
});
