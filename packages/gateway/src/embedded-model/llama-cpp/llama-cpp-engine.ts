import { availableParallelism } from 'node:os';
import type { ChatHistoryItem, LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp';
import { chatmlPrompt } from '../chatml.js';
import type { Decoder, Engine, TokenOptions } from '../engine.js';
import { countField, textsField } from '../gguf/fields.js';
import type { GgufHeader } from '../gguf/gguf.js';
import { readGguf } from '../gguf/read-file.js';
import { unusableFile } from '../gguf/unusable-file.js';
import type { EngineSpec, Turn } from '../protocol.js';
import { type LlamaCppLibrary, loadLlamaCpp, runtimeFailure } from './load-library.js';

/** Room for the header of any model that was seen: a vocabulary of 256 000 tokens takes 12 MB. */
const maxHeaderBytes = 64 * 1024 * 1024;
const defaultContextLength = 4096;
/** A second thread slows a small model down (threefold at 3 M parameters): the cores wait for each other. */
const singleThreadParameters = 200e6;
/** Tokens of a prompt that are read in one native call, which cannot be interrupted. */
const batchSize = 128;
/** The template of the embedded model's file. */
const plainChatml =
  "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
/** Tokens before the last one that detokenising may look at. */
const lookBack = 4;
/** A character has 4 bytes, and so 4 tokens at most; what is unreadable after that stays so. */
const maxHeldTokens = 4;

/**
 * llama.cpp by way of node-llama-cpp: any GGUF that it knows, with the chat template of the file. CPU only.
 *
 * The file's header is checked first by our own reader, since llama.cpp may abort the process on a damaged one.
 *
 * @throws ModelLoadingError (not retryable) where the library is missing or the file cannot be used.
 */
export async function openLlamaCpp({ file, contextLength: asked }: EngineSpec): Promise<Engine> {
  const library = await loadLlamaCpp();
  const { header } = readGguf(file, maxHeaderBytes);
  const trained = trainedLength(header);
  if (asked !== undefined && asked > trained) throw unusableFile(`its window is ${trained} tokens, not ${asked}`);
  const contextLength = asked ?? Math.min(trained, defaultContextLength);
  const threads = parameters(header) < singleThreadParameters ? 1 : availableParallelism();
  try {
    const llama = await library.getLlama({
      build: 'never',
      gpu: false,
      maxThreads: threads,
      skipDownload: true,
      progressLogs: false,
      logLevel: library.LlamaLogLevel.error,
    });
    const model = await llama.loadModel({ modelPath: file });
    const context = await model.createContext({ contextSize: contextLength, sequences: 1, batchSize, threads });
    const sequence = context.getSequence();
    return {
      runtime: 'llama.cpp',
      contextLength,
      maxTokenLength: Math.max(...textsField(header, 'tokenizer.ggml.tokens').map(({ length }) => length), 1),
      encode: promptEncoder(library, model),
      generate: (prompt, options) => generateTokens(sequence, prompt as Token[], options),
      decoder: () => decoderOf(model),
    };
  } catch (error) {
    throw runtimeFailure(error);
  }
}

async function* generateTokens(
  sequence: LlamaContextSequence,
  prompt: readonly Token[],
  { sampling, signal }: TokenOptions,
): AsyncGenerator<number> {
  // From nothing every time: what a batch computes depends on its neighbours, and the same seed must give the same text.
  await sequence.clearHistory();
  const last = prompt.length - 1;
  for (let read = 0; read < last; read += batchSize) {
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(read, Math.min(read + batchSize, last)));
    if (signal.aborted) return;
  }
  const { temperature, topP, topK, seed } = sampling;
  for await (const token of sequence.evaluate(prompt.slice(last), { temperature, topP, topK, seed })) {
    if (signal.aborted) return;
    yield token;
  }
}

function promptEncoder(library: LlamaCppLibrary, model: LlamaModel): Engine['encode'] {
  // Files with our own plain ChatML are encoded as the interpreter does it, token for token.
  if (model.fileInfo.metadata.tokenizer.chat_template === plainChatml) {
    return (turns) => [...beginning(model), ...encodeChatml(model, turns)];
  }
  const wrapper = library.resolveChatWrapper(model, { warningLogs: false });
  return (turns) => {
    const { contextText } = wrapper.generateContextState({ chatHistory: history(turns) });
    return contextText.tokenize(model.tokenizer);
  };
}

function beginning(model: LlamaModel): Token[] {
  return model.tokens.bos === null ? [] : [model.tokens.bos];
}

function encodeChatml(model: LlamaModel, turns: readonly Turn[]): Token[] {
  return chatmlPrompt(turns).flatMap((piece) => {
    return 'control' in piece ? model.tokenize(piece.control, true) : model.tokenize(piece.text, false);
  });
}

function history(turns: readonly Turn[]): ChatHistoryItem[] {
  const items = turns.map<ChatHistoryItem>(({ role, text }) => {
    return role === 'assistant' ? { type: 'model', response: [text] } : { type: role, text };
  });
  return [...items, { type: 'model', response: [] }];
}

function decoderOf(model: LlamaModel): Decoder {
  let held: Token[] = [];
  let before: Token[] = [];
  function read(): string {
    const text = model.detokenize(held, false, before);
    before = [...before, ...held].slice(-lookBack);
    held = [];
    return text;
  }
  return {
    push(token) {
      held.push(token as Token);
      const incomplete = model.detokenize(held, false, before).endsWith('\uFFFD');
      return incomplete && held.length < maxHeldTokens ? '' : read();
    },
    end: () => (held.length === 0 ? '' : read()),
  };
}

function trainedLength(header: GgufHeader): number {
  return countField(header, `${String(header.metadata.get('general.architecture'))}.context_length`);
}

function parameters(header: GgufHeader): number {
  let sum = 0;
  for (const { elements } of header.tensors.values()) sum += elements;
  return sum;
}
