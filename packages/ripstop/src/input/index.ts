/** `ripstop/input`: what comes from outside, checked: fields, texts, files, JSON. */
export {
  type FileType,
  type FileUpload,
  type FileUploadOptions,
  type FileUploadSource,
  fileUploadDefaults,
  type UnsafeContent,
  validateFileUpload,
} from './file-upload.js';
export type { HiddenChoice } from './hidden-scan.js';
export {
  type FormattedIssues,
  formatIssues,
  type OutputOf,
  type SchemaIssue,
  type SchemaResult,
  type StandardSchema,
} from './issues.js';
export { assertJsonText, assertJsonValue, type JsonLimits, jsonLimitDefaults } from './json-limits.js';
export { parseJson } from './json-text.js';
export { type SanitizeTextOptions, sanitizeText, sanitizeTextDefaults } from './sanitize-text.js';
export { validateInput, validateOutput } from './validate.js';
