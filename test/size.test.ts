/** What the library's core adds to a program that its users ship: bundled, minified and packed as it is sent. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { root } from './repository.js';

/** The most that it may be, in bytes. Move it in the commit that needs it, with a sentence in the changelog. */
const pin = 13_600;

const names = ['bulkhead', 'circuitBreaker', 'pipeline', 'retry', 'timeout'];
const program = `export { ${names.join(', ')} } from 'ripstop';`;

async function bundled(): Promise<string> {
  const bundle = await rolldown({
    input: 'core',
    platform: 'browser',
    cwd: root,
    plugins: [
      {
        name: 'the program',
        resolveId: (id) => (id === 'core' ? join(root, 'core.js') : null),
        load: (id) => (id === join(root, 'core.js') ? program : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm', minify: true, codeSplitting: false });
  await bundle.close();
  expect(output).toHaveLength(1);
  expect(output[0].imports).toEqual([]);
  return output[0].code;
}

test('the four core policies and `pipeline` are no larger than the pin, and not so much smaller that it holds nothing', async () => {
  const code = await bundled();
  for (const name of names) expect(code).toMatch(new RegExp(`\\bas ${name}\\b`));
  const bytes = gzipSync(code, { level: 9 }).length;
  expect(bytes, `${bytes} bytes min+gzip`).toBeLessThanOrEqual(pin);
  expect(bytes, `${bytes} bytes min+gzip: lower the pin`).toBeGreaterThan(pin - 500);
});
