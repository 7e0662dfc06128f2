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
export { type ChutesImagesOptions, chutesImages } from './chutes-images.js';
export type { FallbackStream } from './chain-answer.js';
export {
  type ChainCallOptions,
  type ChainModel,
  type ChainModelOptions,
  type FallbackChainOptions,
  type FallbackResult,
  fallbackChainDefaults,
  type ModelFallbackChain,
  modelFallbackChain,
} from './fallback-chain.js';
export type { ChainHedge, SecondLine } from './hedged-walk.js';
export { fetchTransport, type HttpAnswer, type HttpRequest, type HttpTransport } from './http-transport.js';
export { type ImageLimits, imageLimitDefaults } from './image-limits.js';
export type { ImageModel, ImageOptions, ImageRequest, ImageResult } from './image-model.js';
export type { MemoryUse } from './memory-check.js';
export {
  type OpenaiModel,
  type OpenaiModelOptions,
  type OpenaiTimeouts,
  openaiModel,
  openaiModelDefaults,
  openaiTimeoutDefaults,
} from './openai-client.js';
export { type CompletionModel, type CompletionRequest, openaiCompletions } from './openai-completions.js';
export {
  type EmbeddingModel,
  type EmbeddingRequest,
  type Embeddings,
  type EmbedOptions,
  type OpenaiEmbeddingsOptions,
  openaiEmbeddings,
} from './openai-embeddings.js';
export { type HttpImageModel, type OpenaiImagesOptions, openaiImages } from './openai-images.js';
export {
  type ParseErrorResponseOptions,
  parseErrorResponse,
  parseErrorResponseDefaults,
} from './parse-error-response.js';
export {
  type FetchTimeouts,
  fetchTimeoutDefaults,
  type ResilientFetchOptions,
  resilientFetch,
} from './resilient-fetch.js';
export type { BilledAttempt } from './resume-part.js';
export { assistantPrefill, type Prefill } from './resume-request.js';
export { retryAfterMs } from './retry-after.js';
export {
  type LocalTextModel,
  type SafeGenerateOptions,
  type SafeGeneration,
  safeGenerate,
  safeGenerateDefaults,
  safeGenerateStream,
} from './safe-generate.js';
export {
  type SafeGenerateImageOptions,
  type SafeImage,
  safeGenerateImage,
  safeGenerateImageDefaults,
} from './safe-generate-image.js';
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
export { type EndpointOptions, type EndpointTimeouts, endpointTimeoutDefaults } from './upstream-endpoint.js';
