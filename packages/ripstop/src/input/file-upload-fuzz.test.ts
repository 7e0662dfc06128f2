import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { faultIn } from '../../../../test/fixtures/uploads/soundness.js';
import { randomUpload } from '../../../../test/fixtures/uploads/mutations.js';

test('D18 D19: 2,000 random and mutated files: each is refused with a typed error, or passes as what it is', async () => {
  let passed = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(randomUpload, async (upload) => {
      const { fault, outcome } = await faultIn(upload);
      if (outcome === 'passed') passed += 1;
      else refused += 1;
      expect(fault).toBeUndefined();
    }),
    { numRuns: 2_000 },
  );
  // Were all refused at the first byte, nothing would have been tried.
  expect(passed).toBeGreaterThan(50);
  expect(refused).toBeGreaterThan(500);
});
