import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Tests resolve `ripstop` as any user does: through node_modules, to what was built. `npm test` builds first. */
export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    pool: 'forks',
    // One for each core: files that wait for servers leave it to others meanwhile. The default leaves one core idle.
    maxWorkers: availableParallelism(),
    // Unit tests wait for nothing real; what is left are integration tests with processes and sockets of their own.
    testTimeout: 20_000,
    hookTimeout: 30_000,
    teardownTimeout: 5_000,
    // A test that is only there for its author must not silence the others.
    allowOnly: process.env['CI'] === undefined,
  },
});
