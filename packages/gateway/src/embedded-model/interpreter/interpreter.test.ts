import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type FieldValue, type TensorSource, writeGguf } from '../../../../../test/embedded-model/gguf-writer.js';
import { modelFile } from '../../../../../test/embedded-model/local-models.js';
import { generate } from '../generate.js';
import type { Finished, GenerationRequest } from '../protocol.js';
import { openInterpreter } from './interpreter.js';

const engine = openInterpreter({ file: modelFile, runtime: 'interpreter' });
const request: GenerationRequest = { turns: [], temperature: 0, topP: 0.95, topK: 40, seed: 1, stop: [] };

async function answer(text: string, changes: Partial<GenerationRequest> = {}): Promise<string> {
  let all = '';
  const turns = [{ role: 'user' as const, text }];
  const hooks = { signal: new AbortController().signal, onText: (piece: string) => (all += piece) };
  await generate(engine, { ...request, ...changes, turns }, hooks);
  return all;
}

test('an answer does not depend on what was answered before', async () => {
  const question = 'Tell me a story about a fox.';
  const fresh = openInterpreter({ file: modelFile, runtime: 'interpreter' });
  let expected = '';
  await generate(
    fresh,
    { ...request, turns: [{ role: 'user', text: question }], temperature: 0.9, seed: 9 },
    { signal: new AbortController().signal, onText: (piece) => (expected += piece) },
  );
  for (const before of ['Tell me a story about a dog.', 'Hello', question]) {
    await answer(before);
    expect(await answer(question, { temperature: 0.9, seed: 9 })).toBe(expected);
  }
});

test('a cancel is heard within a token', async () => {
  const caller = new AbortController();
  let pieces = 0;
  const end = await generate(
    engine,
    { ...request, turns: [{ role: 'user', text: 'Tell me a story about a fox.' }] },
    {
      signal: caller.signal,
      onText: () => {
        pieces += 1;
        if (pieces === 5) caller.abort();
      },
    },
  );
  expect(end).toMatchObject({ finishReason: 'cancelled' });
  expect((end as Finished).outputTokens).toBeLessThanOrEqual(6);
});

test('a cancel is heard within a long prompt', async () => {
  const caller = new AbortController();
  setImmediate(() => caller.abort());
  const turns = [{ role: 'user' as const, text: 'red '.repeat(220) }];
  const end = await generate(engine, { ...request, turns }, { signal: caller.signal, onText: () => undefined });
  expect(end).toMatchObject({ finishReason: 'cancelled', outputTokens: 0 });
});

test('other work gets its turn between tokens', async () => {
  let turns = 0;
  const count = (): void => {
    turns += 1;
    pending = setImmediate(count);
  };
  let pending = setImmediate(count);
  await answer('Tell me a story about a fox.');
  clearImmediate(pending);
  expect(turns).toBeGreaterThan(50);
});

describe('a file of another kind is refused, and says what can run it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ripstop-interpreter-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).padStart(2, '0').toUpperCase()}>`);
  const tokens = ['<unk>', '<s>', '</s>', '<|im_start|>', '<|im_end|>', ...bytes];
  const fields: Record<string, FieldValue> = {
    'general.architecture': { text: 'llama' },
    'tokenizer.chat_template': { text: '<|im_start|>' },
    'tokenizer.ggml.model': { text: 'llama' },
    'tokenizer.ggml.tokens': { texts: tokens },
    'tokenizer.ggml.scores': { f32s: tokens.map(() => 0) },
    'tokenizer.ggml.token_type': { i32s: tokens.map((_, token) => (token === 0 ? 2 : token < 5 ? 3 : 6)) },
    'llama.embedding_length': { u32: 32 },
    'llama.block_count': { u32: 1 },
    'llama.feed_forward_length': { u32: 32 },
    'llama.attention.head_count': { u32: 2 },
    'llama.attention.layer_norm_rms_epsilon': { f32: 1e-5 },
    'llama.context_length': { u32: 16 },
  };
  const ones = (...shape: number[]): TensorSource => {
    return { shape, values: Array.from({ length: shape.reduce((a, b) => a * b) }, (_, at) => Math.sin(at)) };
  };
  const square = ones(32, 32);
  const tensors: Record<string, TensorSource> = {
    'token_embd.weight': ones(32, tokens.length),
    'output_norm.weight': ones(32),
    'blk.0.attn_norm.weight': ones(32),
    'blk.0.ffn_norm.weight': ones(32),
    ...Object.fromEntries(
      ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'].map((name) => [
        `blk.0.${name}.weight`,
        square,
      ]),
    ),
  };

  function open(changes: Record<string, FieldValue>, changedTensors: Record<string, TensorSource> = {}) {
    const file = join(folder, 'model.gguf');
    writeFileSync(file, writeGguf({ fields: { ...fields, ...changes }, tensors: { ...tensors, ...changedTensors } }));
    return () => openInterpreter({ file, runtime: 'interpreter' });
  }

  test('a small model of the right kind runs', async () => {
    const small = open({})();
    expect(small.contextLength).toBe(16);
    const prompt = [1, 2, 3];
    const options = { sampling: { ...request, temperature: 1 }, signal: new AbortController().signal };
    let count = 0;
    for await (const token of small.generate(prompt, options)) {
      expect(token).toBeLessThan(tokens.length);
      count += 1;
    }
    expect(count).toBeLessThanOrEqual(16 - prompt.length + 1);
  });

  test.each<[string, Record<string, FieldValue>]>([
    ['architecture mamba', { 'general.architecture': { text: 'mamba' } }],
    ['tokenizer gpt2', { 'tokenizer.ggml.model': { text: 'gpt2' } }],
    ['ChatML only', { 'tokenizer.chat_template': { text: '[INST]' } }],
    ['heads do not fit', { 'llama.rope.dimension_count': { u32: 8 } }],
    ['multiple of 32', { 'llama.feed_forward_length': { u32: 40 } }],
    ['wrong shape', { 'llama.feed_forward_length': { u32: 64 } }],
    ['no tensor blk.1', { 'llama.block_count': { u32: 2 } }],
    ['window is too large', { 'llama.context_length': { u32: 4_000_000_000 } }],
    ['no usable tokenizer.ggml.scores', { 'tokenizer.ggml.scores': { f32s: [1] } }],
    ['every byte', { 'tokenizer.ggml.token_type': { i32s: tokens.map(() => 3) } }],
    ['no token <s>', { 'tokenizer.ggml.token_type': { i32s: tokens.map((_, at) => (at < 5 ? 1 : 6)) } }],
  ])('%s', (words, changes) => {
    expect(open(changes)).toThrow(words);
  });

  test('weights that are too large for it', () => {
    const file = join(folder, 'large.gguf');
    writeFileSync(file, writeGguf({ fields, tensors }));
    truncateSync(file, 65 * 1024 * 1024);
    expect(() => openInterpreter({ file, runtime: 'interpreter' })).toThrow('too large');
  });
});
