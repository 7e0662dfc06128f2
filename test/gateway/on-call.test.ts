/** Runs docs/on-call.md as whoever is on call does: an outage, then the page's commands, and what they print. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { scriptedUpstream } from 'ripstop/testing';
import { expect, test } from 'vitest';
import { readText, root } from '../repository.js';
import { post, startGateway } from './harness.js';

const page = readText('docs/on-call.md');

const choices = [{ index: 0, message: { role: 'assistant', content: 'Paris.' }, finish_reason: 'stop' }];
const good = { kind: 'json' as const, body: { object: 'chat.completion', choices } };
const busy = { kind: 'json' as const, status: 503, body: { error: { message: 'no capacity' } } };

/** Each command of the page with what it prints; `…` stands for anything. */
const steps = [...page.matchAll(/```sh\n([\s\S]*?)```(?:\n+```text\n([\s\S]*?)```)?/g)].map(
  ([, command = '', output = '']) => ({ command, output }),
);

test('R3 R143 R156: its three steps lead from an alert to the cause', async () => {
  const main = await scriptedUpstream([busy]);
  const spare = await scriptedUpstream([good]);
  const folder = await mkdtemp(path.join(tmpdir(), 'ripstop-on-call-'));
  const gateway = await startGateway({
    yaml: [
      'server: { adminKeys: ["for-operators"] }',
      'upstreams:',
      `  main: { url: "${main.url}", model: m }`,
      `  spare: { url: "${spare.url}", model: s }`,
      'models:',
      '  default: { chain: [main, spare], retry: { attempts: 1 }, breaker: { consecutive: 3, cooldown: 60s } }',
      '  alone: { chain: [main], retry: { attempts: 1 }, breaker: { consecutive: 3, cooldown: 60s } }',
    ].join('\n'),
  });
  try {
    const ask = (model: string, id: string) =>
      post(
        `${gateway.url}/v1/chat/completions`,
        { model, messages: [{ role: 'user', content: 'Hi' }] },
        { 'x-correlation-id': id },
      );
    for (const id of ['a', 'b', 'c']) expect((await ask('default', id)).headers.get('x-ripstop-fallback')).toBe('true');
    expect((await ask('alone', 'req-42')).status).toBe(503);
    await expect.poll(() => gateway.log().some(({ id }) => id === 'req-42')).toBe(true);
    await writeFile(path.join(folder, 'ripstop.log'), gateway.output());
    const env = { ...process.env, RIPSTOP: gateway.url, ADMIN_KEY: 'for-operators', NO_COLOR: '1' };
    expect(steps.length).toBeGreaterThanOrEqual(4);
    for (const { command, output } of steps) {
      const { stdout } = await promisify(execFile)('bash', ['-ec', command], { cwd: folder, env });
      expect(stdout.trimEnd()).toMatch(new RegExp(`^${output.trimEnd().split('…').map(escaped).join('[^]*?')}$`));
    }
  } finally {
    await gateway.stop();
    await Promise.all([main.close(), spare.close(), rm(folder, { recursive: true, force: true })]);
  }
}, 30_000);

test('it says where to look first for every alert that there is, and links to what is there', () => {
  const source = readText('packages/ripstop/src/observation/alerts-rules.ts');
  const table = /const rules = \{\n([\s\S]*?)\n\} satisfies/.exec(source)?.[1] ?? '';
  const classes = [...table.matchAll(/^ {2}(\w+):/gm)].map(([, name = '']) => name).filter((name) => name !== 'test');
  const rules = [...readText('packages/gateway/prometheus/ripstop-alerts.yml').matchAll(/alert: (\w+)/g)].map(
    ([, name = '']) => name,
  );
  expect([classes.length > 10, rules.length > 8]).toEqual([true, true]);
  const section = page.split(/^## /m).find((part) => part.startsWith('Where to look first')) ?? '';
  const told = [...section.matchAll(/`(\w+)`/g)].map(([, name]) => name);
  for (const name of [...classes, ...rules]) expect(told).toContain(name);
  for (const [, link = ''] of page.matchAll(/\]\((?!http)([^)#]+)\)/g))
    expect(existsSync(path.join(root, 'docs', link)), link).toBe(true);
});

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
