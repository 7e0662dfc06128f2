/**
 * `npm run mutate [-- option …]`: changes the core policies in a thousand small ways, and fails when too few of the
 * changes fail a test. Minutes; `-- --mutate packages/ripstop/src/policies/retry.ts` for one file. What is changed, and
 * the share that must be noticed, stand in stryker.config.json; the report is coverage/mutation/index.html.
 */
import { join } from 'node:path';
import { node, root, setUp } from './set-up.mjs';

await setUp();
const stryker = join(root, 'node_modules/@stryker-mutator/core/bin/stryker.js');
process.exitCode = await node(stryker, 'run', ...process.argv.slice(2));
