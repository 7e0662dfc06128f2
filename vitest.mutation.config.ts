import { defineConfig } from 'vitest/config';

/** The tests that must notice a change in the four core policies: `npm run mutate`, see stryker.config.json. */
export default defineConfig({
  test: {
    include: ['packages/ripstop/src/policies/{circuit-breaker,retry,bulkhead,streams,parts/}*.test.ts'],
    // Each mutant is a run of its own; within one, the files may share what they load.
    isolate: false,
    // A mutant that waits for ever ends by this; a busy machine must not.
    testTimeout: 10_000,
  },
});
