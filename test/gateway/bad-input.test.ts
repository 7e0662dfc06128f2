import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, type RunningGateway, startGateway } from './harness.js';

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway({ yaml: 'server: { bodyLimit: 64kb }\n' });
});
afterAll(async () => {
  await gateway.stop();
});

async function stillWorks(): Promise<void> {
  const answer = await post(`${gateway.url}/generate`, { prompt: 'What is 12 - 4?', max_tokens: 16, temperature: 0 });
  expect(answer.status).toBe(200);
  expect(answer.body['generated_text']).toContain('8');
}

const chat = (content: unknown, more: object = {}) => ({ messages: [{ role: 'user', content }], ...more });

test.each([
  ['malformed JSON', '/generate', '{"prompt": ', 400, 'invalid_input'],
  ['no body', '/generate', '', 400, 'invalid_input'],
  ['a wrong type', '/generate', { prompt: 7 }, 422, 'validation_error'],
  ['no prompt', '/generate', {}, 422, 'validation_error'],
  ['an empty prompt', '/generate', { prompt: '' }, 422, 'validation_error'],
  ['a blank prompt', '/generate', { prompt: ' \n\t' }, 422, 'validation_error'],
  ['tokens that are none', '/generate', { prompt: 'hi', max_tokens: 0 }, 422, 'validation_error'],
  ['a prompt beyond the window', '/generate', { prompt: 'word '.repeat(4000) }, 400, 'context_length_exceeded'],
  ['an output beyond the window', '/generate', { prompt: 'hi', max_tokens: 5000 }, 400, 'context_length_exceeded'],
  ['an unknown model', '/generate', { prompt: 'hi', model: 'gpt-9' }, 404, 'model_not_found'],
  ['an oversize body', '/generate', { prompt: 'x'.repeat(70_000) }, 413, 'invalid_input'],
  ['an unknown path', '/generat', { prompt: 'hi' }, 404, 'invalid_input'],
  [
    'an image for a text model',
    '/v1/chat/completions',
    chat([{ type: 'image_url', image_url: { url: 'data:,' } }]),
    400,
    'invalid_input',
  ],
  [
    'a role that does not exist',
    '/v1/chat/completions',
    { messages: [{ role: 'wizard', content: 'hi' }] },
    400,
    'invalid_input',
  ],
  ['no messages', '/v1/chat/completions', { messages: [] }, 422, 'validation_error'],
  ['messages that are none', '/v1/chat/completions', { messages: 'hi' }, 422, 'validation_error'],
  ['malformed JSON for a chat', '/v1/chat/completions', '[', 400, 'invalid_input'],
  ['an unknown model for a chat', '/v1/chat/completions', chat('hi', { model: 'gpt-9' }), 404, 'model_not_found'],
  ['a chat beyond the window', '/v1/chat/completions', chat('word '.repeat(4000)), 400, 'context_length_exceeded'],
  [
    'a streamed chat beyond the window',
    '/v1/chat/completions',
    chat('word '.repeat(4000), { stream: true }),
    400,
    'context_length_exceeded',
  ],
])('%s (%s) gets its typed answer, and the next request works', async (_, path, body, status, type) => {
  const answer = await post(`${gateway.url}${path}`, body);
  const error = (path.startsWith('/v1') ? answer.body['error'] : answer.body) as Record<string, unknown>;
  expect({ status: answer.status, type: error['error_type'] }).toEqual({ status, type });
  expect(error['correlation_id']).toBe(answer.headers.get('x-correlation-id'));
  expect(error['is_retryable']).toBe(false);
  await stillWorks();
});

test('a wrong method is told which one is right', async () => {
  const answer = await fetch(`${gateway.url}/generate`);
  expect(answer.status).toBe(405);
  expect(answer.headers.get('allow')).toContain('POST');
  expect(await answer.json()).toMatchObject({ error_type: 'invalid_input' });
});

test('what was sent is never echoed in an error', async () => {
  const canary = 'canary-prompt-93';
  const answers = await Promise.all([
    post(`${gateway.url}/generate`, `{"prompt": "${canary}`),
    post(`${gateway.url}/generate`, { prompt: { canary } }),
    post(`${gateway.url}/generate`, { prompt: canary, model: `${canary}-model`, max_tokens: canary }),
    post(`${gateway.url}/generate`, { prompt: `${canary} `.repeat(1000) }),
  ]);
  for (const { status, text } of answers) {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(text).not.toContain(canary);
  }
  expect(gateway.output()).not.toContain(canary);
});

test('a client that leaves in mid-stream is answered by nobody, logged as 499, and the next request works', async () => {
  const leaving = new AbortController();
  const id = `leaver-${process.pid}`;
  const answer = await fetch(`${gateway.url}/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-correlation-id': id },
    body: JSON.stringify({ prompt: 'Tell me a story about a fox.', max_tokens: 400, stream: true }),
    signal: leaving.signal,
  });
  const reader = answer.body?.getReader();
  await reader?.read();
  leaving.abort();
  await expect
    .poll(() => gateway.log().find((line) => line['id'] === id))
    .toMatchObject({ status: 499, error_type: 'cancelled' });
  await stillWorks();
});

test('a connection that ends in the middle of its body leaves no trace', async () => {
  const { port } = new URL(gateway.url);
  const socket = connect(Number(port), '127.0.0.1');
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.write(
    'POST /generate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"pro',
  );
  socket.destroy();
  await stillWorks();
});
