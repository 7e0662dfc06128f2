/** `ripstop/models`: the model service, as we speak to it. */
export { classify, type ClassifyInput } from './classify/classify.js';
export type { HeadersInput } from './classify/headers.js';
export { isContent } from './content-limits.js';
export {
  type ReadEventsOptions,
  readEvents,
  readEventsDefaults,
  type ServerSentEvent,
} from './event-stream.js';
export {
  type ChainCallOptions,
  type ChainModel,
  type ChainModelOptions,
  type FallbackChainOptions,
  type FallbackResult,
  type FallbackStream,
  fallbackChainDefaults,
  type ModelFallbackChain,
  modelFallbackChain,
} from './fallback-chain.js';
export { fetchTransport, type HttpAnswer, type HttpRequest, type HttpTransport } from './http-transport.js';
export {
  type OpenaiModel,
  type OpenaiModelOptions,
  type OpenaiTimeouts,
  openaiModel,
  openaiModelDefaults,
  openaiTimeoutDefaults,
} from './openai-client.js';
export {
  type ParseErrorResponseOptions,
  parseErrorResponse,
  parseErrorResponseDefaults,
} from './parse-error-response.js';
export { retryAfterMs } from './retry-after.js';
export {
  type LocalTextModel,
  type MemoryUse,
  type SafeGenerateOptions,
  type SafeGeneration,
  safeGenerate,
  safeGenerateDefaults,
  safeGenerateStream,
} from './safe-generate.js';
export type {
  ChatMessage,
  ChatRequest,
  Delta,
  GenerateOptions,
  Generation,
  TextModel,
  TextResult,
  Usage,
} from './text-model.js';
export { estimateTokens } from './token-estimate.js';
