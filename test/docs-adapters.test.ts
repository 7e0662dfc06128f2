import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { nodeDefaults } from 'ripstop/node';
import { describe, expect, test } from 'vitest';
import { readText, root } from './repository.js';

/** What each page's program prints, ids and log lines apart. */
const prints: Readonly<Record<string, readonly string[]>> = {
  node: [
    '200 {"greeting":"Hello Mia"}',
    '200 {"greeting":"Hello Mia"}',
    '422 {"error":"Validation failed","error_type":"validation_error","details":{},"is_retryable":false',
  ],
  fetch: ['200 Hello Mia', '200 Hello Mia', '429 rate_limited abc'],
  hono: ['200 abc Hello Mia', '429 abc rate_limited abc', '404 abc invalid_input abc'],
  fastify: ['200 abc Hello Mia', '429 abc rate_limited abc', '404 abc invalid_input abc'],
  express: ['200 abc Hello Mia', '429 abc rate_limited abc', '404 abc invalid_input abc'],
  next: ['200 abc Hello Mia', '429 abc rate_limited abc', '404 abc invalid_input abc'],
};
const names = Object.keys(prints);

test('every adapter has its page', () => {
  expect(readdirSync(join(root, 'docs/adapters')).sort()).toEqual(names.map((name) => `${name}.md`).sort());
});

describe.each(names)('docs/adapters/%s.md', (name) => {
  const page = readText(`docs/adapters/${name}.md`);
  const file = `examples/adapters/${name}.mjs`;

  test('shows one complete program, which is the file that runs here', () => {
    expect(page).toContain(`<!-- file: ${file} -->\n\`\`\`js\n${readText(file)}\`\`\`\n`);
    expect(page.split('```')).toHaveLength(3);
  });

  test('and that prints what it should', () => {
    const printed = execFileSync(process.execPath, [join(root, file)], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lines = printed.trimEnd().split('\n');
    expect(lines).toHaveLength(prints[name]?.length ?? 0);
    for (const [index, line] of lines.entries()) expect(line.startsWith(prints[name]?.[index] ?? '?')).toBe(true);
  });

  test('names only what its entry exports, and links only to what is there', () => {
    const entry = name === 'fetch' ? 'serving' : name;
    const api = readText('docs/api.md').split(`## \`ripstop/${entry}\``)[1]?.split('\n## ')[0] ?? '';
    const [, imported = ''] = new RegExp(`import \\{([^}]*)\\} from 'ripstop/${entry}'`).exec(page) ?? [];
    const used = imported.split(',').map((part) => part.trim());
    expect(used.length).toBeGreaterThan(0);
    for (const one of used) expect(api).toContain(`\`${one}\``);
    for (const [, link = ''] of page.matchAll(/\]\((?!http)([^)#]+)\)/g)) {
      expect(existsSync(join(root, 'docs/adapters', link)), link).toBe(true);
    }
  });
});

test('the limits on the page of node:http are those of the code', () => {
  const page = readText('docs/adapters/node.md');
  for (const option of ['bodyTimeoutMs', 'writeStallMs', 'lingerMs'] as const) {
    const value = nodeDefaults[option].toLocaleString('en-US').replaceAll(',', ' ');
    expect(page).toContain(`| \`${option}\` | \`${value}\` |`);
  }
});
