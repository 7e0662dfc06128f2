import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { ModelError } from 'ripstop/errors';
import { describe, expect, test } from 'vitest';
import { writeGguf } from '../../../../../test/embedded-model/gguf-writer.js';
import { countField, numbersField, textField, textsField } from './fields.js';
import { type GgufHeader, parseGguf } from './gguf.js';
import { readGguf } from './read-file.js';
import { tensorValues } from './tensor-values.js';

const modelFile = fileURLToPath(new URL('../../../embedded-model/ripstop-tiny.gguf', import.meta.url));
const parse = (bytes: Buffer): GgufHeader => parseGguf(bytes, bytes.length);

/** What parsing throws; anything but our own error that says "not retryable" fails the test. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(ModelError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ errorType: 'model_loading_failed', isRetryable: false });
    return (error as Error).message;
  }
  return 'none';
}

test('metadata and tensors are read as they were written', () => {
  const bytes = writeGguf({
    fields: {
      'a.count': { u32: 7 },
      'a.ratio': { f32: 0.5 },
      'a.flag': { bool: true },
      'a.text': { text: 'ä ☂' },
      'a.texts': { texts: ['x', ''] },
      'a.numbers': { i32s: [-1, 2] },
    },
    tensors: { w: { shape: [2, 2], values: [1, 2, 3, 4] } },
  });
  const header = parse(bytes);

  expect(Object.fromEntries(header.metadata)).toEqual({
    'a.count': 7,
    'a.ratio': 0.5,
    'a.flag': true,
    'a.text': 'ä ☂',
    'a.texts': ['x', ''],
    'a.numbers': [-1, 2],
  });
  const tensor = header.tensors.get('w');
  expect(tensor).toMatchObject({ shape: [2, 2], elements: 4, type: 0 });
  expect([...tensorValues(bytes, tensor!)]).toEqual([1, 2, 3, 4]);
});

test('the shipped model has the header that its card describes', () => {
  const { header, size } = readGguf(modelFile, 1_000_000);

  expect(size).toBe(4_698_016);
  expect(countField(header, 'llama.context_length')).toBe(512);
  expect(textField(header, 'general.architecture')).toBe('llama');
  expect(textsField(header, 'tokenizer.ggml.tokens')).toHaveLength(3072);
});

describe('weights', () => {
  test('half floats are exact, with subnormals and both zeros', () => {
    const halves = [0x3c00, 0xc000, 0x0001, 0x8000, 0x7bff, 0x3555];
    const data = Buffer.from(Uint16Array.from(halves).buffer);
    const bytes = writeGguf({ fields: {}, tensors: { w: { shape: [6], type: 1, data } } });

    expect([...tensorValues(bytes, parse(bytes).tensors.get('w')!)]).toEqual([
      1,
      -2,
      2 ** -24,
      -0,
      65_504,
      Math.fround(0.333251953125),
    ]);
  });

  test('blocks of 8-bit weights are scaled by their half float', () => {
    const data = Buffer.alloc(34);
    data.writeUInt16LE(0x3800); // 0.5
    for (let i = 0; i < 32; i += 1) data.writeInt8(i - 16, 2 + i);
    const bytes = writeGguf({ fields: {}, tensors: { w: { shape: [32], type: 8, data } } });

    const values = tensorValues(bytes, parse(bytes).tensors.get('w')!);
    expect([values[0], values[16], values[31]]).toEqual([-8, 0, 7.5]);
  });

  test('weights of a type that only llama.cpp reads, or that are no numbers, are refused', () => {
    const quantised = writeGguf({ fields: {}, tensors: { w: { shape: [256], type: 12, data: Buffer.alloc(144) } } });
    expect(refusal(() => tensorValues(quantised, parse(quantised).tensors.get('w')!))).toContain('Q4_K');
    const broken = writeGguf({ fields: {}, tensors: { w: { shape: [1], values: [Number.NaN] } } });
    expect(refusal(() => tensorValues(broken, parse(broken).tensors.get('w')!))).toContain('no numbers');
  });
});

describe('a damaged file', () => {
  const real = readFileSync(modelFile);
  const headerEnd = 120_000;

  test('that is something else, or of another version, is named', () => {
    expect(refusal(() => parse(Buffer.from('{"not": "a model"}')))).toContain('not a GGUF file');
    expect(refusal(() => parse(Buffer.alloc(0)))).toContain('ends too early');
    expect(refusal(() => parse(writeGguf({ version: 9, fields: {}, tensors: {} })))).toContain('version 9');
  });

  test('cut anywhere is refused', () => {
    for (let length = 0; length < real.length; length += 9_973) {
      expect(refusal(() => parse(real.subarray(0, length)))).not.toBe('none');
    }
  });

  test('with any byte of its header changed is read, or refused with a typed error, and never hangs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: headerEnd }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(real);
        changed[at] = changed[at]! ^ flip;
        refusal(() => parse(changed));
      }),
      { numRuns: 300 },
    );
  });

  test('that claims more than it holds is refused before anything is allocated for it', () => {
    const lie = Buffer.from(writeGguf({ fields: { a: { texts: ['x'] } }, tensors: {} }));
    // Magic, version, two counts, the key, the value's type and its elements' type come before the length.
    lie.writeBigUInt64LE(2n ** 60n, 4 + 4 + 8 + 8 + 9 + 4 + 4);
    expect(refusal(() => parse(lie))).toContain('beyond its end');
  });

  test('whose tensors lie outside it, overlap by name or have no size is refused', () => {
    const outside = writeGguf({ fields: {}, tensors: { w: { shape: [64], values: [1] } } });
    expect(refusal(() => parse(outside))).toContain('does not lie inside');
    expect(refusal(() => parse(writeGguf({ fields: {}, tensors: { w: { shape: [0] } } })))).toContain(
      'impossible size',
    );
    const shape = [2 ** 40, 2 ** 40];
    expect(refusal(() => parse(writeGguf({ fields: {}, tensors: { w: { shape } } })))).toContain('impossible size');
  });

  test('that is not there, or is a folder, is refused without its path', () => {
    expect(refusal(() => readGguf('/nowhere/model.gguf', 100))).toBe(
      'The model file cannot be used: there is none at this path',
    );
    expect(refusal(() => readGguf(fileURLToPath(new URL('.', import.meta.url)), 100))).toContain('EISDIR');
  });
});

test('a field that is missing or of another kind is named', () => {
  const header = parse(writeGguf({ fields: { count: { text: '7' }, list: { i32s: [1] } }, tensors: {} }));
  expect(refusal(() => countField(header, 'count'))).toContain('no usable count');
  expect(refusal(() => textField(header, 'absent'))).toContain('no usable absent');
  expect(refusal(() => textsField(header, 'list'))).toContain('no usable list');
  expect(refusal(() => numbersField(header, 'list', 2))).toContain('no usable list');
  expect(countField(header, 'absent', 3)).toBe(3);
});
