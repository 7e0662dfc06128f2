/**
 * `npm run torture [-- filter …]`: the full sizes of what `npm test` runs in small, and `npm run mutate`. May take an
 * hour. With a filter only the tests that it names.
 */
import { join } from 'node:path';
import { node, root, setUp } from './set-up.mjs';

await setUp();
const filters = process.argv.slice(2);
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const codes = [
  await node('--expose-gc', vitest, 'run', '--config', 'vitest.torture.config.ts', '--passWithNoTests', ...filters),
];
if (filters.length === 0) codes.push(await node(join(root, 'scripts/mutate.mjs')));
process.exitCode = Math.max(...codes);
