import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string): Promise<string> => readFile(path.join(root, file), 'utf8');

async function printed(example: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(root, 'examples', example)], { cwd: root });
  return stdout;
}

test('R4: one call: a service that is overloaded once answers all the same', async () => {
  expect(await printed('one-call.mjs')).toBe('Paris.\nasked 2 times\n');
});

test('R6: fallback: the second model stands in for the first', async () => {
  expect(await printed('fallback.mjs')).toContain(
    "{ generated_text: 'Paris.', model_used: 'small', was_fallback: true }",
  );
});

test('chute: a typed client, a stream, a validation error, a typed failure, and no port', async () => {
  const lines = (await printed('chute.mjs')).split('\n').filter((line) => line !== '');
  expect(lines.slice(0, 3)).toEqual(['Hello Mia! ', 'Welcome Mia! ', "true validation_error [ 'name' ]"]);
  expect(lines.slice(3, 5)).toEqual(['200 data: {"delta":"Hello Mia! "}', 'data: {"delta":"Welcome Mia! "}']);
  expect(lines[5]).toMatch(/^422 .*"error_type":"validation_error"/);
  expect(lines[6]).toMatch(/^503 .*"error_type":"model_overloaded".*"retry_after_ms":2000/);
  expect(lines[7]).toBe('200 data: {"delta":"Hello Mia! "} healthy');
});

test('the README’s snippets are cut from the examples', async () => {
  const readme = await read('README.md');
  const marked = [...readme.matchAll(/<!-- snippet: (\S+) of (\S+) -->\n```\w+\n([\s\S]*?)```/g)];
  expect(marked).toHaveLength(3);
  for (const [, name, file, text] of marked) {
    const source = await read(file ?? '');
    expect(source).toContain(`// snippet: ${name}\n${text}// end of snippet`);
  }
});

test('the README’s configuration is the example’s, which config check accepts', async () => {
  const [readme, yaml] = [await read('README.md'), await read('examples/ripstop.yaml')];
  expect(readme).toContain(`<!-- file: examples/ripstop.yaml -->\n\`\`\`yaml\n${yaml}\`\`\``);
  const cli = path.join(root, 'packages/gateway/bin/ripstop.js');
  const { stdout } = await promisify(execFile)(process.execPath, [cli, 'config', 'check', 'examples/ripstop.yaml'], {
    cwd: root,
    env: { ...process.env, RIPSTOP_KEY: 'a', MAIN_KEY: 'b' },
  });
  expect(stdout).toBe('examples/ripstop.yaml: can be used\n');
});

test('the doctor misses nothing in it but somebody to be told, which is everybody’s own', async () => {
  const cli = path.join(root, 'packages/gateway/bin/ripstop.js');
  const options = ['doctor', '--config', 'examples/ripstop.yaml', '--offline', '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [cli, ...options], {
    cwd: root,
    env: { ...process.env, RIPSTOP_KEY: 'a key that nobody guesses', MAIN_KEY: 'b' },
  });
  const { usable, configuration, checklist } = JSON.parse(stdout) as Record<string, readonly Record<string, string>[]>;
  expect(usable).toBe(true);
  const missing = [...(configuration ?? []), ...(checklist ?? [])].filter(({ status }) => status === 'missing');
  expect(missing.map(({ check }) => check)).toEqual(['spike_alerts', 'health_monitoring', 'performance_alerts']);
});

test('every file that the README links to is there', async () => {
  const readme = await read('README.md');
  const links = [...readme.matchAll(/\]\((?!http)([^)#]+)\)/g)].map(([, link]) => link ?? '');
  expect(links.length).toBeGreaterThan(8);
  const { access } = await import('node:fs/promises');
  await Promise.all(links.map((link) => access(path.join(root, link))));
});
