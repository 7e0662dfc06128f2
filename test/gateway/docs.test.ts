import { expect, test } from 'vitest';
import { z } from 'zod';
import { configSchema } from '../../packages/gateway/src/config/schema.js';
import { configurationPage } from '../../scripts/configuration.mjs';
import { readText } from '../repository.js';

test('docs/configuration.md is what the schema says; after a change of it: npm run build, node scripts/configuration.mjs', () => {
  expect(readText('docs/configuration.md')).toBe(configurationPage());
});

test('the page has every key with its type, its default and what it is for, in every shape that a place may have', () => {
  const page = configurationPage();
  for (const row of [
    '| `server.drain` | duration | `30s` | How long requests that are under way may take to end',
    '| `upstreams.<name>.url` | address | required | ',
    '| `upstreams.<name>.engine` | `gguf` | required | ',
    '| `models.<name>` | list of texts |  | ',
    '| `models.<name>.retry.attempts` | whole number from 1 to 3 | `3` | ',
    '| `images.<name>.timeouts.headers` | duration | `120s` | ',
    '| `load.levels.minimal` | number above 0 below 1 | `0.9` | ',
  ])
    expect(page).toContain(row);
  for (const key of Object.keys(configSchema.shape)) expect(page).toContain(`\n## \`${key}\`\n`);
});

test('lists of mappings, choices and plain values have their rows, and a key without a sentence is refused', () => {
  const alerts = z
    .array(
      z.union([
        z.strictObject({ slack: z.string().describe('Its address.') }),
        z.strictObject({ email: z.strictObject({ to: z.array(z.string()).describe('Who gets it.') }) }),
      ]),
    )
    .default([])
    .describe('Who is told.');
  const page = configurationPage(z.strictObject({ alerts, quiet: z.boolean().default(true).describe('Is it?') }));
  expect(page).toContain('## `alerts`\n\nWho is told.\n\n| key |');
  expect(page).toContain('| `alerts[].slack` | text | required | Its address. |');
  expect(page).toContain('| `alerts[].email.to` | list of texts | required | Who gets it. |');
  expect(page).toContain('| `quiet` | `true` or `false` | `true` | Is it? |');
  expect(() => configurationPage(z.strictObject({ quiet: z.boolean() }))).toThrow('nothing is said of quiet');
});
