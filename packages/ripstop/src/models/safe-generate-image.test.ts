import { expect, test } from 'vitest';
import type { ReportedEvent } from '../call/events.js';
import { ContentFilteredError, InvalidInputError } from '../errors/input-errors.js';
import { OutOfMemoryError } from '../errors/upstream-errors.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { classify } from './classify/classify.js';
import type { ImageLimits } from './image-limits.js';
import type { ImageModel, ImageOptions, ImageRequest } from './image-model.js';
import { type SafeGenerateImageOptions, safeGenerateImage, safeGenerateImageDefaults } from './safe-generate-image.js';

/** One red pixel. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const pngBytes = new Uint8Array(Buffer.from(png, 'base64'));
const cudaOutOfMemory = new Error('CUDA out of memory. Tried to allocate 2.00 GiB');

interface Painter extends ImageModel {
  readonly asked: ImageRequest[];
  readonly options: ImageOptions[];
  cleared: number;
}

/** Fails as often as it is told, then paints. */
function painter(...errors: readonly unknown[]): Painter {
  return {
    asked: [],
    options: [],
    cleared: 0,
    clearCache() {
      this.cleared += 1;
    },
    generate(request, options = {}) {
      this.asked.push(request);
      this.options.push(options);
      if (this.asked.length <= errors.length) throw errors[this.asked.length - 1];
      return pngBytes;
    },
  };
}

async function failure(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => expect.unreachable('the call should have failed'),
    (error: unknown) => error,
  );
}

/** What would be asked for again, had memory run out. */
async function reduced(options: SafeGenerateImageOptions): Promise<ImageRequest | undefined> {
  const model = painter(cudaOutOfMemory);
  await safeGenerateImage(model, 'A red pixel', options);
  return model.asked[1];
}

test('R104 R105: without options it is 512 × 512, 20 steps, guidance 7.5', async () => {
  const model = painter();
  await safeGenerateImage(model, 'A red pixel');
  expect(model.asked).toEqual([{ prompt: 'A red pixel', width: 512, height: 512, steps: 20, guidanceScale: 7.5 }]);
  expect(safeGenerateImageDefaults.timeoutMs).toBe(120_000);
});

test('R105: options reach the model', async () => {
  const model = painter();
  const options = { width: 768, height: 640, steps: 30, guidanceScale: 5, seed: 7, negativePrompt: 'blue' };
  await safeGenerateImage(model, 'A red pixel', { ...options, correlationId: 'c-1' });
  expect(model.asked[0]).toEqual({ prompt: 'A red pixel', ...options });
  expect(model.options[0]?.correlationId).toBe('c-1');
});

test('R106: an area above 1024 × 1024 is invalid input, with the limit and the request', async () => {
  const model = painter();
  await safeGenerateImage(model, 'A red pixel', { width: 1_024, height: 1_024 });
  const error = await failure(safeGenerateImage(model, 'A red pixel', { width: 1_025, height: 1_024 }));
  expect(error).toBeInstanceOf(InvalidInputError);
  expect(error).toMatchObject({
    message: 'Image resolution too high',
    details: { max_resolution: '1024x1024', requested: '1025x1024' },
    isRetryable: false,
  });
  expect(model.asked).toHaveLength(1);
});

test('R107 D77: where memory is short the cache is cleared, and nothing is begun if that does not help', async () => {
  const used = [950, 500, 950, 950];
  const model: Painter = {
    ...painter(),
    memory: () => ({ usedBytes: (used.shift() ?? 0) * 2 ** 20, totalBytes: 1_000 * 2 ** 20 }),
  };
  expect(await safeGenerateImage(model, 'A red pixel')).toMatchObject({ success: true });
  expect(model.cleared).toBe(1);
  const error = await failure(safeGenerateImage(model, 'A red pixel'));
  expect(error).toMatchObject({
    errorType: 'out_of_memory',
    details: { memory_used_mb: 950, memory_available_mb: 50 },
  });
  expect([model.cleared, model.asked.length]).toEqual([2, 1]);
});

test('R108 R109: the picture comes back in base64, with the guide’s keys and no others', async () => {
  const expected = { image: png, width: 512, height: 512, steps: 20, success: true };
  expect(await safeGenerateImage(painter(), 'A red pixel')).toEqual(expected);
  expect(await safeGenerateImage({ generate: () => png }, 'A red pixel')).toEqual(expected);
  expect(await safeGenerateImage({ generate: () => Promise.resolve(pngBytes) }, 'A red pixel')).toEqual(expected);
});

test('R108: what is no PNG says so, and what is no picture is no answer', async () => {
  const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0, 16, 74, 70, 73, 70, 0, 1]);
  expect(await safeGenerateImage({ generate: () => jpeg }, 'A red pixel')).toMatchObject({ media_type: 'image/jpeg' });
  for (const answer of [new Uint8Array(0), new TextEncoder().encode('<html>Oops</html>'), '', 'not base64 at all!']) {
    const error = await failure(safeGenerateImage({ generate: () => answer }, 'A red pixel'));
    expect(error).toMatchObject({ errorType: 'invalid_response' });
  }
});

test('R110: when memory runs out the cache is cleared and a smaller picture is asked for, once', async () => {
  const runtime = virtualRuntime();
  const events: ReportedEvent[] = [];
  runtime.events.on((event) => events.push(event));
  for (const error of [cudaOutOfMemory, new OutOfMemoryError()]) {
    const model = painter(error);
    expect(await safeGenerateImage(model, 'A red pixel', { width: 1_024, height: 1_024, steps: 40 }, runtime)).toEqual({
      image: png,
      width: 512,
      height: 512,
      steps: 20,
      success: true,
      warning: 'Parameters reduced due to memory constraints',
    });
    expect([model.cleared, model.asked.length]).toEqual([1, 2]);
  }
  expect(events[0]).toMatchObject({ type: 'image.reduced', width: 512, height: 512, steps: 20 });
});

test('R110 D74: what fails then is its real cause: memory again, or anything else', async () => {
  const twice = painter(cudaOutOfMemory, cudaOutOfMemory);
  expect(await failure(safeGenerateImage(twice, 'A red pixel'))).toMatchObject({ errorType: 'out_of_memory' });
  expect(twice.asked).toHaveLength(2);
  const otherwise = painter(cudaOutOfMemory, new ContentFilteredError());
  expect(await failure(safeGenerateImage(otherwise, 'A red pixel'))).toMatchObject({ errorType: 'content_filtered' });
});

test('R111: another failure is a generation that failed, retryable, with the parameters', async () => {
  const cause = new Error('unexpected tensor shape');
  expect(await failure(safeGenerateImage(painter(cause), 'A red pixel'))).toMatchObject({
    errorType: 'generation_failed',
    message: 'Image generation failed',
    details: { parameters: { width: 512, height: 512, steps: 20 } },
    isRetryable: true,
    cause,
  });
});

test('D68: a typed error passes untouched', async () => {
  const error = new ContentFilteredError('Refused by the safety checker');
  expect(await failure(safeGenerateImage(painter(error), 'A red pixel'))).toBe(error);
});

test('D69: no error holds the prompt, not even where the service repeats it', async () => {
  const prompt = 'my secret "garden" party';
  const negativePrompt = 'my neighbours';
  const bodies = [
    { error: { message: `Your prompt '${prompt}' was flagged`, code: 'content_policy_violation' } },
    { detail: [{ loc: ['body', 'prompt'], msg: `bad value ${JSON.stringify(prompt)}, ${negativePrompt}` }] },
  ];
  for (const body of bodies) {
    const upstream = classify({ status: 400, body: JSON.stringify(body) });
    const error = await failure(safeGenerateImage(painter(upstream), prompt, { negativePrompt }));
    expect(JSON.stringify(error)).not.toMatch(/secret|neighbours/);
  }
  const trimmed = classify({ status: 400, body: JSON.stringify({ error: { message: 'Refused: my secret plan' } }) });
  const refused = await failure(safeGenerateImage(painter(trimmed), '  my secret plan\n'));
  expect(refused).toMatchObject({ message: 'Refused: [prompt]' });
  const unknown = await failure(safeGenerateImage(painter(new Error(`cannot paint ${prompt}`)), prompt));
  expect(JSON.stringify(unknown)).not.toContain('secret');
});

test('D71 D70: at the limit the caller has the error, and the work has been told to stop', async () => {
  const runtime = virtualRuntime();
  let stopped: unknown;
  const model: ImageModel = {
    generate: (_request, { signal } = {}) =>
      new Promise(() => signal?.addEventListener('abort', () => (stopped = signal.reason))),
  };
  const call = failure(safeGenerateImage(model, 'A red pixel', { timeoutMs: 5_000 }, runtime));
  await runtime.clock.advance(4_999);
  expect(stopped).toBeUndefined();
  await runtime.clock.advance(1);
  expect(await call).toMatchObject({ errorType: 'inference_timeout', details: { timeout_seconds: 5 } });
  expect([stopped, runtime.clock.pending]).toEqual([await call, 0]);
});

test('D71: both tries share one limit, and a caller who leaves in between ends it', async () => {
  const controller = new AbortController();
  const reason = new Error('gone home');
  const model: Painter = {
    ...painter(cudaOutOfMemory),
    clearCache: () => controller.abort(reason),
  };
  const call = safeGenerateImage(model, 'A red pixel', { signal: controller.signal });
  expect(await failure(call)).toBe(reason);
  expect(model.asked).toHaveLength(1);
});

test('D71: memory that runs out after the caller has left is no reason to go on', async () => {
  const controller = new AbortController();
  const reason = new Error('gone home');
  const model: Painter = {
    ...painter(),
    generate() {
      controller.abort(reason);
      throw cudaOutOfMemory;
    },
  };
  const call = safeGenerateImage(model, 'A red pixel', { signal: controller.signal });
  expect(await failure(call)).toBe(reason);
  expect(model.cleared).toBe(0);
});

test('D75: the smaller picture never has more steps, keeps its shape, and all its other parameters', async () => {
  expect(await reduced({ width: 512, height: 512, steps: 4 })).toMatchObject({ width: 512, height: 512, steps: 4 });
  expect(await reduced({ width: 500, height: 300 })).toMatchObject({ width: 500, height: 300 });
  expect(await reduced({ width: 1_024, height: 512, steps: 50 })).toMatchObject({ width: 512, height: 256, steps: 25 });
  expect(await reduced({ width: 576, height: 1_024, steps: 15 })).toMatchObject({ width: 288, height: 512, steps: 10 });
  expect(await reduced({ guidanceScale: 3, seed: 7, negativePrompt: 'blue' })).toMatchObject({
    guidanceScale: 3,
    seed: 7,
    negativePrompt: 'blue',
  });
});

test('D75: whatever is asked for, nothing grows, sides stay in their limits and blocks, and the shape is kept', async () => {
  for (let width = 128; width <= 2_048; width += 88) {
    for (let height = 128; height <= 2_048 && width * height <= 1_024 ** 2; height += 104) {
      const small = (await reduced({ width, height })) as ImageRequest;
      expect(small.width).toBeLessThanOrEqual(width);
      expect(small.height).toBeLessThanOrEqual(height);
      expect(Math.min(small.width, small.height)).toBeGreaterThanOrEqual(128);
      if (small.width === width) continue;
      expect([small.width % 8, small.height % 8]).toEqual([0, 0]);
      const scale = small.width / width;
      expect(Math.abs(small.height - height * scale)).toBeLessThanOrEqual(8 + (8 * height) / width);
    }
  }
});

test.each([
  [{ width: 0 }, 'width must be from 128 to 2048 and a whole number'],
  [{ width: 1, height: 1_048_576 }, 'width must be from 128 to 2048 and a whole number'],
  [{ height: -512 }, 'height must be from 128 to 2048 and a whole number'],
  [{ height: 2_049 }, 'height must be from 128 to 2048 and a whole number'],
  [{ width: 512.5 }, 'width must be from 128 to 2048 and a whole number'],
  [{ width: Number.NaN }, 'width must be from 128 to 2048 and a whole number'],
  [{ width: 516, limits: { multipleOf: 8 } }, 'width must be from 128 to 2048 and a multiple of 8'],
  [{ steps: 0 }, 'num_inference_steps must be from 1 to 50 and a whole number'],
  [{ steps: 51 }, 'num_inference_steps must be from 1 to 50 and a whole number'],
  [{ guidanceScale: 0.5 }, 'guidance_scale must be from 1 to 20'],
  [{ guidanceScale: Number.POSITIVE_INFINITY }, 'guidance_scale must be from 1 to 20'],
  [{ steps: '20' as unknown as number }, 'num_inference_steps must be from 1 to 50 and a whole number'],
])('D76: out of bounds is invalid input: %j', async (options, message) => {
  const model = painter();
  const error = await failure(safeGenerateImage(model, 'A red pixel', options));
  expect(error).toMatchObject({ errorType: 'invalid_input', message, isRetryable: false });
  expect(model.asked).toHaveLength(0);
});

test('D76: bounds can be set, and such that nothing could keep are refused', async () => {
  const limits: ImageLimits = { maxPixels: 2_000_000, maxSide: 4_096, minGuidance: 0, maxSteps: 8 };
  const model = painter();
  await safeGenerateImage(model, 'A red pixel', { width: 4_096, height: 480, guidanceScale: 0, steps: 8, limits });
  expect(model.asked).toHaveLength(1);
  const large = failure(safeGenerateImage(model, 'A red pixel', { width: 4_096, height: 512, steps: 8, limits }));
  expect(await large).toMatchObject({ details: { max_resolution: '2000000 pixels' } });
  await expect(safeGenerateImage(model, 'x', { limits: { minSide: 256, maxSide: 128 } })).rejects.toThrow(
    new RangeError('limits.maxSide must be at least limits.minSide, got 128'),
  );
  await expect(safeGenerateImage(model, 'x', { limits: { multipleOf: 0 } })).rejects.toThrow(RangeError);
});

test('D73: a model may answer a value or a promise, and is asked in words of our own', async () => {
  const requests: ImageRequest[] = [];
  const model: ImageModel = {
    generate: async (request) => {
      requests.push(request);
      return await Promise.resolve(png);
    },
  };
  await safeGenerateImage(model, 'A red pixel');
  expect(Object.keys(requests[0] ?? {}).toSorted()).toEqual(
    ['guidanceScale', 'height', 'negativePrompt', 'prompt', 'seed', 'steps', 'width'].toSorted(),
  );
});
