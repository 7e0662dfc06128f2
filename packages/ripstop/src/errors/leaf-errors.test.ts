import { describe, expect, test } from 'vitest';
import { ContextLengthError, ValidationError } from './input-errors.js';
import { InferenceTimeoutError, OutOfMemoryError } from './upstream-errors.js';

describe('OutOfMemoryError', () => {
  test("R17 R160: the guide's case: 8000 MB used, 500 MB left", () => {
    const envelope = new OutOfMemoryError({ memoryUsed: 8_000, memoryAvailable: 500 }).toJSON();
    expect(envelope).toMatchObject({
      error: 'Model inference failed due to insufficient memory',
      error_type: 'out_of_memory',
      is_retryable: false,
      details: { memory_used_mb: 8_000, memory_available_mb: 500 },
    });
  });

  test('R17: each number is told only if it was given, and 0 was given', () => {
    expect(new OutOfMemoryError().details).toEqual({});
    expect(new OutOfMemoryError({ memoryUsed: 0 }).details).toEqual({ memory_used_mb: 0 });
    expect(new OutOfMemoryError({ memoryAvailable: 0, details: { device: 1 } }).details).toEqual({
      device: 1,
      memory_available_mb: 0,
    });
  });
});

describe('ContextLengthError', () => {
  test("R18 R161: the guide's case: 5000 tokens into a window of 4096", () => {
    const envelope = new ContextLengthError({ inputLength: 5_000, maxLength: 4_096 }).toJSON();
    expect(envelope).toMatchObject({
      error: "Input length (5000) exceeds model's maximum context length (4096)",
      error_type: 'context_length_exceeded',
      is_retryable: false,
      details: {
        input_length: 5_000,
        max_length: 4_096,
        suggestion: 'Reduce input length or use a model with larger context window',
      },
    });
  });

  test('R18: what is not known is not told', () => {
    expect(new ContextLengthError().message).toBe("Input exceeds model's maximum context length");
    expect(Object.keys(new ContextLengthError().details)).toEqual(['suggestion']);
    const limitOnly = new ContextLengthError({ maxLength: 4_096 });
    expect(limitOnly.message).toBe("Input exceeds model's maximum context length (4096)");
    expect(limitOnly.details).not.toHaveProperty('input_length');
  });
});

describe('InferenceTimeoutError', () => {
  test('R19: it names its limit in seconds, and may be retried', () => {
    const error = new InferenceTimeoutError(30_000);
    expect(error.message).toBe('Model inference timed out after 30 seconds');
    expect(error).toMatchObject({
      errorType: 'inference_timeout',
      isRetryable: true,
      details: { timeout_seconds: 30 },
    });
    expect(new InferenceTimeoutError(1_500).details).toEqual({ timeout_seconds: 1.5 });
  });

  test("R19: another party's limit that was not named is not made up", () => {
    const error = new InferenceTimeoutError(undefined, { details: { phase: 'headers' } });
    expect(error.message).toBe('Model inference timed out');
    expect(error.details).toEqual({ phase: 'headers' });
  });
});

describe('ValidationError', () => {
  test('R21 R22 D2 D12: fields are told as the path text of the guide, as a list for programs, in the one envelope', () => {
    const error = new ValidationError([
      { path: ['messages', 0, 'content'], message: 'This field is required' },
      { path: ['max_tokens'], message: 'This field must be a whole number' },
      { path: ['max_tokens'], message: 'This field must be at least 1' },
      { path: [], message: 'The body must be an object' },
    ]);
    expect(error.toJSON()).toMatchObject({
      error: 'Validation failed',
      error_type: 'validation_error',
      is_retryable: false,
      details: {},
      correlation_id: null,
      field_errors: {
        'messages -> 0 -> content': ['This field is required'],
        max_tokens: ['This field must be a whole number', 'This field must be at least 1'],
        '(root)': ['The body must be an object'],
      },
      fields: [
        { path: ['messages', 0, 'content'], message: 'This field is required' },
        { path: ['max_tokens'] },
        { path: ['max_tokens'] },
        { path: [] },
      ],
    });
  });

  test('a field named like a member of every object is a field like any other', () => {
    const error = new ValidationError([{ path: ['__proto__'], message: 'No such field' }]);
    expect(JSON.parse(JSON.stringify(error)).field_errors).toHaveProperty(['__proto__'], ['No such field']);
    expect(new ValidationError([{ path: ['constructor'], message: 'x' }]).toJSON().field_errors).toEqual({
      constructor: ['x'],
    });
  });
});
