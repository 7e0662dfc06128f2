/** Any failure of a model service → the one ModelError that it means. */
export { classify, type ClassifyInput } from './classify.js';
export type { HeadersInput } from './headers.js';
