import { defineConfig } from 'vitest/config';

/** The full sizes of what `npm test` runs in small: fuzzing, kill rounds, soaks. `npm run torture`. */
export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.torture.ts', 'test/**/*.torture.ts'],
    pool: 'forks',
    // One at a time: they measure, and some want the whole machine.
    fileParallelism: false,
    testTimeout: 30 * 60_000,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
  },
});
