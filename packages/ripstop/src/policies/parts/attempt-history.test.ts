import { expect, test } from 'vitest';
import { callReport } from '../../call/call-report.js';
import type { AttemptReport, ModelError } from '../../errors/model-error.js';
import { GenerationFailedError, UpstreamUnavailableError } from '../../errors/upstream-errors.js';
import { virtualRuntime } from '../../testing/virtual-runtime.js';
import { retry } from '../retry.js';

/** What a caller is told of the attempts of a call that fails with each of `errors` in turn. */
async function historyOf(...errors: unknown[]): Promise<readonly AttemptReport[] | undefined> {
  const runtime = virtualRuntime();
  const policy = retry({ attempts: errors.length, baseDelayMs: 0 }, runtime);
  const call = policy.execute(({ attempt }) => Promise.reject(errors[attempt - 1])).catch((error: unknown) => error);
  await runtime.clock.runAll();
  return callReport(await call)?.attempts;
}

/** The failure of an inner chain, after it tried so many models. */
function chainFailure(models: number): ModelError {
  const error = new UpstreamUnavailableError();
  error.attempts = Array.from({ length: models }, (_, index) => ({
    model: `model-${index}`,
    errorType: 'upstream_unavailable',
    ms: index,
  }));
  return error;
}

test('G9: what an inner chain went through is listed model by model', async () => {
  expect(await historyOf(chainFailure(2), new GenerationFailedError('down'))).toEqual([
    { model: 'model-0', errorType: 'upstream_unavailable', ms: 0 },
    { model: 'model-1', errorType: 'upstream_unavailable', ms: 1 },
    { errorType: 'generation_failed', ms: 0 },
  ]);
});

test('G8 G9: chains together fill the list up to 32, the earliest first', async () => {
  const history = await historyOf(chainFailure(20), chainFailure(20));
  expect(history?.map(({ model }) => model)).toEqual(
    [...Array(20).keys(), ...Array(12).keys()].map((index) => `model-${index}`),
  );
});

test('G9: an attempt has a status and a phase where they are known, and no empty places for them', async () => {
  const details = { status: 500, phase: 'first_content' };
  expect(
    await historyOf(
      new GenerationFailedError('down', { details }),
      new GenerationFailedError('down', { details: { phase: 2 } }),
    ),
  ).toStrictEqual([
    { errorType: 'generation_failed', status: 500, phase: 'first_content', ms: 0 },
    { errorType: 'generation_failed', ms: 0 },
  ]);
});
