import { InternalError, UpstreamUnavailableError } from 'ripstop';
import { expect, test } from 'vitest';
import { errorForLog } from './log.js';

test('what others wrote into an error never reaches the log', () => {
  const cause = Object.assign(new TypeError('Headers.append: "Bearer canary-key" is an invalid header value.'), {
    code: 'ERR_INVALID_CHAR',
  });
  const logged = errorForLog(new UpstreamUnavailableError(undefined, { cause }));
  expect(logged).toMatchObject({
    type: 'UpstreamUnavailableError',
    message: 'The model service is unavailable',
    cause: { type: 'TypeError', code: 'ERR_INVALID_CHAR' },
  });
  expect(logged.cause?.stack).toContain('    at ');
  expect(JSON.stringify(logged)).not.toContain('canary-key');
});

test('a chain of causes is told to a bounded depth, even where it bites its own tail', () => {
  const error = new InternalError();
  Object.defineProperty(error, 'cause', { value: error });
  expect(JSON.stringify(errorForLog(error)).match(/"type"/g)).toHaveLength(5);
});

test('a thrown value that is no error is told by its kind alone', () => {
  expect(errorForLog('canary-prompt')).toEqual({ type: 'string' });
});
