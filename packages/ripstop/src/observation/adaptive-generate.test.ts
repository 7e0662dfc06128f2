import { expect, test } from 'vitest';
import { InvalidInputError } from '../errors/input-errors.js';
import { ModelError } from '../errors/model-error.js';
import { ModelOverloadedError } from '../errors/rejections.js';
import { GenerationFailedError, InferenceTimeoutError, OutOfMemoryError } from '../errors/upstream-errors.js';
import { safeGenerate } from '../models/safe-generate.js';
import { scriptedModel } from '../testing/scripted-model.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { adaptiveGenerate } from './adaptive-generate.js';
import { type Degradation, degradation } from './degradation.js';

interface Asked {
  readonly max_tokens: number;
}

interface Answer {
  readonly generated_text: string;
  readonly warning?: string;
}

function at(percent: number): Degradation {
  const service = degradation({}, virtualRuntime());
  service.updateSystemLoad(percent);
  return service;
}

/** Fails as often as it is told, then says how much it was asked for. */
function failing(...errors: readonly unknown[]): { asked: number[]; generate: (parameters: Asked) => Answer } {
  const asked: number[] = [];
  return {
    asked,
    generate({ max_tokens: tokens }) {
      asked.push(tokens);
      if (asked.length <= errors.length) throw errors[asked.length - 1];
      return { generated_text: `${tokens} tokens` };
    },
  };
}

async function failure(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => expect.unreachable('the call should have failed'),
    (error: unknown) => error,
  );
}

const parameters: Asked = { max_tokens: 100 };
const emergency = 'Used emergency conservative parameters due to system stress';

test('R132: the model is asked for as much as the load allows', async () => {
  for (const [percent, tokens] of [
    [10, 100],
    [80, 70],
    [95, 40],
  ] as const) {
    const model = failing();
    await adaptiveGenerate(at(percent), { parameters, generate: model.generate });
    expect(model.asked).toEqual([tokens]);
  }
});

test('R132: it stands around safeGenerate', async () => {
  const model = scriptedModel(['Paris.']);
  const answer = await adaptiveGenerate(at(95), {
    parameters: { maxTokens: 200 },
    generate: (options) => safeGenerate(model, 'The capital of France?', options),
  });
  expect(model.calls[0]?.options.maxTokens).toBe(80);
  expect(answer).toMatchObject({ generated_text: 'Paris.', success: true, degradation_level: 'minimal' });
});

test('R133: below full the answer carries the warning and the level; at full it carries neither', async () => {
  const { generate } = failing();
  expect(await adaptiveGenerate(at(10), { parameters, generate })).toEqual({ generated_text: '100 tokens' });
  expect(await adaptiveGenerate(at(80), { parameters, generate })).toEqual({
    generated_text: '70 tokens',
    warning: 'Service is running in reduced quality mode due to high system load',
    degradation_level: 'reduced',
  });
});

test('R134: a failure for want of capacity is tried once more with half of the tokens, and the answer says so', async () => {
  for (const error of [new OutOfMemoryError(), new InferenceTimeoutError(30_000), new ModelOverloadedError()]) {
    const model = failing(error);
    expect(await adaptiveGenerate(at(10), { parameters, generate: model.generate })).toEqual({
      generated_text: '50 tokens',
      warning: emergency,
    });
  }
  const reduced = failing(new OutOfMemoryError());
  const answer = await adaptiveGenerate(at(80), { parameters, generate: reduced.generate });
  expect(reduced.asked).toEqual([70, 35]);
  expect(answer).toMatchObject({ degradation_level: 'reduced', warning: expect.stringContaining(emergency) });
});

test('R134: at minimal nothing is tried again, and the first failure is the one that is thrown', async () => {
  const error = new OutOfMemoryError();
  const model = failing(error);
  expect(await failure(adaptiveGenerate(at(95), { parameters, generate: model.generate }))).toBe(error);
  expect(model.asked).toEqual([40]);
});

test('D96: a warning that is there stays', async () => {
  const generate = (): Answer => ({ generated_text: 'x', warning: 'Reduced max_tokens due to memory constraints' });
  const { warning } = await adaptiveGenerate(at(95), { parameters, generate });
  expect(warning).toBe(
    'Reduced max_tokens due to memory constraints; Service is running in minimal quality mode due to very high system load',
  );
});

test('D96: only what less could help is tried again', async () => {
  const errors = [
    new InvalidInputError(),
    new GenerationFailedError(),
    new TypeError('a fault of ours'),
    new InferenceTimeoutError(1_000, { details: { phase: 'total' } }),
    new ModelOverloadedError(undefined, { details: { reason: 'queue_full' } }),
    new ModelOverloadedError(undefined, { retryAfterMs: 5_000 }),
  ];
  for (const error of errors) {
    const model = failing(error);
    expect(await failure(adaptiveGenerate(at(10), { parameters, generate: model.generate }))).toBe(error);
    expect(model.asked).toHaveLength(1);
  }
});

test('D96: where the second try fails too, the first failure is thrown and tells of both', async () => {
  const first = new OutOfMemoryError();
  const model = failing(first, new Error('something else'));
  const error = await failure(adaptiveGenerate(at(10), { parameters, generate: model.generate }, virtualRuntime()));
  expect(error).toBe(first);
  expect((error as ModelError).attempts).toEqual([
    { errorType: 'out_of_memory', ms: 0 },
    { errorType: 'generation_failed', ms: 0 },
  ]);
});

test('D96: attempts that the first failure tells of already stay', async () => {
  const first = Object.assign(new OutOfMemoryError(), {
    attempts: [{ model: 'a', errorType: 'out_of_memory', ms: 5 }],
  });
  const model = failing(first, new OutOfMemoryError({ details: { status: 507 } }));
  await failure(adaptiveGenerate(at(10), { parameters, generate: model.generate }, virtualRuntime()));
  expect(first.attempts).toEqual([
    { model: 'a', errorType: 'out_of_memory', ms: 5 },
    { errorType: 'out_of_memory', status: 507, ms: 0 },
  ]);
});

test('D96: once the caller has left nothing is tried again, and his reason passes', async () => {
  const controller = new AbortController();
  const left = new Error('gone home');
  const { signal } = controller;
  const model = failing(new OutOfMemoryError(), left);
  const leaving = (asked: Asked): Answer => {
    if (model.asked.length === 1) controller.abort(left);
    return model.generate(asked);
  };
  expect(await failure(adaptiveGenerate(at(10), { parameters, generate: leaving, signal }))).toBe(left);
  const again = failing(new OutOfMemoryError());
  const error = await failure(adaptiveGenerate(at(10), { parameters, generate: again.generate, signal }));
  expect([again.asked.length, ModelError.isInstance(error)]).toEqual([1, true]);
});

test('D95: a request that is shed never reaches the model', async () => {
  const service = degradation({ sources: [{ name: 'queue', read: () => 1e9 }] }, virtualRuntime());
  const model = failing();
  const error = await failure(adaptiveGenerate(service, { parameters, generate: model.generate }));
  expect(error).toMatchObject({ errorType: 'model_overloaded', details: { reason: 'shed' } });
  expect(model.asked).toEqual([]);
});
