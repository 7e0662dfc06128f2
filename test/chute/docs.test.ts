import { chuteDefaults, corsDefaults } from 'ripstop/serving';
import { describe, expect, test } from 'vitest';
import { readText } from '../repository.js';

const page = readText('docs/chute.md');
const serving = (file: string): string => readText(`packages/ripstop/src/serving/${file}`);

const limits = declared(serving('body-limits.ts'), 'BodyLimitOptions');

const tables: readonly (readonly [heading: string, options: readonly string[], defaults: object])[] = [
  ['The chute', [...declared(serving('chute-options.ts'), 'ChuteOptions'), ...limits], chuteDefaults],
  ['A cord', [...declared(serving('cord.ts'), 'CordOptions'), ...limits], {}],
  ['The OpenAPI document', declared(serving('openapi.ts'), 'OpenApiOptions'), {}],
  ['Browsers', declared(serving('cors.ts'), 'CorsOptions'), corsDefaults],
  ['The client', declared(serving('client.ts'), 'ClientOptions'), {}],
];

function declared(source: string, name: string): string[] {
  const body = new RegExp(`interface ${name}\\b[\\s\\S]*?{\\n([\\s\\S]*?)\\n}`).exec(source)?.[1] ?? '';
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, option = '']) => option);
}

/** The first two cells of a table's rows: option and default. */
function listed(heading: string, head = 'option'): Map<string, string> {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const table = section.split(/\n\n/).find((part) => part.startsWith(`| ${head}`)) ?? '';
  const rows = [...table.matchAll(/^\| `(\w+)` \| ([^|]*) \|/gm)];
  return new Map(rows.map(([, option = '', value = '']) => [option, value]));
}

function written(value: unknown): string {
  if (value === undefined) return 'none';
  if (typeof value === 'number') return `\`${String(value).replace(/\B(?=(\d{3})+$)/g, ' ')}\``;
  if (Array.isArray(value)) return "Ripstop's own";
  return typeof value === 'string' ? `\`'${value}'\`` : `\`${JSON.stringify(value)}\``;
}

describe('docs/chute.md', () => {
  test.each(tables)('lists the options of “%s” with the defaults of the code', (heading, options, defaults) => {
    expect(options.length).toBeGreaterThan(2);
    const known = defaults as Readonly<Record<string, unknown>>;
    const found = listed(heading, heading === 'Browsers' ? 'option of `cors`' : undefined);
    expect(Object.fromEntries(found)).toEqual(
      Object.fromEntries(options.map((option) => [option, written(known[option])])),
    );
  });

  test('shows no code but snippets that are cut from the example', () => {
    const snippets = [...page.matchAll(/<!-- snippet: ([\w ]+) of (\S+) -->\n```js\n([\s\S]*?)```/g)];
    expect(snippets.map(([, name]) => name)).toEqual(['chute', 'without a port', 'client']);
    for (const [, name, file = '', text] of snippets) {
      expect(readText(file)).toContain(`// snippet: ${name}\n${text}// end of snippet`);
    }
  });
});
