import { countField, numberField, textField, textsField } from '../gguf/fields.js';
import type { GgufHeader } from '../gguf/gguf.js';
import { tensorValues } from '../gguf/tensor-values.js';
import { unusableFile } from '../gguf/unusable-file.js';
import type { Matrix, Norm } from './matrix.js';

export interface LlamaShape {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Fewer than `heads` where several share one (grouped-query attention). */
  readonly keyValueHeads: number;
  readonly headWidth: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  readonly contextLength: number;
  readonly ropeBase: number;
}

export interface LlamaLayer {
  readonly attentionNorm: Norm;
  readonly query: Matrix;
  readonly key: Matrix;
  readonly value: Matrix;
  readonly attentionOutput: Matrix;
  readonly feedForwardNorm: Norm;
  readonly gate: Matrix;
  readonly up: Matrix;
  readonly down: Matrix;
}

export interface LlamaWeights {
  readonly shape: LlamaShape;
  readonly embedding: Matrix;
  readonly layers: readonly LlamaLayer[];
  readonly outputNorm: Norm;
  /** The embedding itself where the file has no output matrix. */
  readonly output: Matrix;
}

/** Room for the keys and values of the whole window is taken at the start. */
const maxContextLength = 8192;

/** @throws ModelLoadingError where the file is not a Llama, or its tensors are not those of its shape. */
export function llamaWeights(header: GgufHeader, bytes: Buffer): LlamaWeights {
  const shape = llamaShape(header);
  const { width, vocabulary, feedForward, heads, keyValueHeads, headWidth } = shape;
  const epsilon = numberField(header, 'llama.attention.layer_norm_rms_epsilon');

  function values(name: string, ...size: number[]): Float32Array {
    const tensor = header.tensors.get(`${name}.weight`);
    if (tensor === undefined) throw unusableFile(`it has no tensor ${name}`);
    if (tensor.shape.join() !== size.join()) throw unusableFile(`its tensor ${name} has a wrong shape`);
    return tensorValues(bytes, tensor);
  }
  function norm(name: string): Norm {
    return { weight: values(name, width), epsilon };
  }
  function matrix(name: string, columns: number, rows: number): Matrix {
    return { values: values(name, columns, rows), columns, rows };
  }

  const embedding = matrix('token_embd', width, vocabulary);
  return {
    shape,
    embedding,
    layers: Array.from({ length: shape.layers }, (_, layer) => ({
      attentionNorm: norm(`blk.${layer}.attn_norm`),
      query: matrix(`blk.${layer}.attn_q`, width, heads * headWidth),
      key: matrix(`blk.${layer}.attn_k`, width, keyValueHeads * headWidth),
      value: matrix(`blk.${layer}.attn_v`, width, keyValueHeads * headWidth),
      attentionOutput: matrix(`blk.${layer}.attn_output`, heads * headWidth, width),
      feedForwardNorm: norm(`blk.${layer}.ffn_norm`),
      gate: matrix(`blk.${layer}.ffn_gate`, width, feedForward),
      up: matrix(`blk.${layer}.ffn_up`, width, feedForward),
      down: matrix(`blk.${layer}.ffn_down`, feedForward, width),
    })),
    outputNorm: norm('output_norm'),
    output: header.tensors.has('output.weight') ? matrix('output', width, vocabulary) : embedding,
  };
}

function llamaShape(header: GgufHeader): LlamaShape {
  const architecture = textField(header, 'general.architecture');
  if (architecture !== 'llama') {
    throw unusableFile(`the built-in interpreter does not run the architecture ${architecture}; node-llama-cpp may`);
  }
  const width = countField(header, 'llama.embedding_length');
  const heads = countField(header, 'llama.attention.head_count');
  const keyValueHeads = countField(header, 'llama.attention.head_count_kv', heads);
  const headWidth = countField(header, 'llama.rope.dimension_count', width / heads);
  const feedForward = countField(header, 'llama.feed_forward_length');
  if (headWidth * heads !== width || headWidth % 2 !== 0 || heads % keyValueHeads !== 0) {
    throw unusableFile('its attention heads do not fit its width');
  }
  // Blocks of quantised weights are 32 wide, and a row must not share one with the next.
  if (width % 32 !== 0 || feedForward % 32 !== 0) throw unusableFile('its width is not a multiple of 32');
  const contextLength = countField(header, 'llama.context_length');
  if (contextLength > maxContextLength) throw unusableFile('its window is too large for the built-in interpreter');
  return {
    width,
    heads,
    keyValueHeads,
    headWidth,
    feedForward,
    contextLength,
    layers: countField(header, 'llama.block_count'),
    vocabulary: textsField(header, 'tokenizer.ggml.tokens').length,
    ropeBase: numberField(header, 'llama.rope.freq_base', 10_000),
  };
}
