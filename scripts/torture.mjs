/** `npm run torture [-- filter …]`: the full sizes of what `npm test` runs in small. May take an hour. */
import { join } from 'node:path';
import { node, root, setUp } from './set-up.mjs';

await setUp();
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
process.exitCode = await node(
  '--expose-gc',
  vitest,
  'run',
  '--config',
  'vitest.torture.config.ts',
  '--passWithNoTests',
  ...process.argv.slice(2),
);
