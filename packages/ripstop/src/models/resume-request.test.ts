import { expect, test } from 'vitest';
import { asChatRequest, asksForPlainText, assistantPrefill, tokensLeft } from './resume-request.js';

const messages = [{ role: 'user', content: 'Hi' }];

test.each([
  ['nothing else', {}],
  ['no tools at all', { tools: [] }],
  ['text as the format', { response_format: { type: 'text' } }],
  ['no log probabilities', { logprobs: false, top_logprobs: 0 }],
  ['one answer', { n: 1 }],
  ['text as the modality', { modalities: ['text'] }],
  ['fields that are null', { tools: null, response_format: null, logprobs: null, n: null, modalities: null }],
])('GW7: a request with %s asks for plain text', (_, fields) => {
  expect(asksForPlainText({ messages, ...fields })).toBe(true);
  expect(asksForPlainText('Hi')).toBe(true);
});

test.each([
  ['tools', { tools: [{ type: 'function' }] }],
  ['functions', { functions: [{ name: 'f' }] }],
  ['a function to call', { function_call: { name: 'f' } }],
  ['a voice', { audio: { voice: 'x' } }],
  ['a search of the web', { web_search_options: {} }],
  ['a response format', { response_format: { type: 'json_object' } }],
  ['log probabilities', { logprobs: true }],
  ['top log probabilities', { top_logprobs: 2 }],
  ['two answers', { n: 2 }],
  ['sound', { modalities: ['text', 'audio'] }],
])('GW7: a request with %s does not', (_, fields) => {
  expect(asksForPlainText({ messages, ...fields })).toBe(false);
});

test('GW7: the sent text is the last message, the assistant’s own', () => {
  expect(assistantPrefill(asChatRequest('Hi'), 'Hel')).toEqual({
    messages: [...messages, { role: 'assistant', content: 'Hel' }],
  });
  const request = { messages, temperature: 0 };
  expect(asChatRequest(request)).toBe(request);
  expect(assistantPrefill(request, 'Hel')).toMatchObject({ temperature: 0, messages: [{}, { content: 'Hel' }] });
  expect(request.messages).toHaveLength(1);
});

test('a limit on tokens is lowered by what was sent, and never to nothing', () => {
  expect(tokensLeft('Hi', 100, 40)).toBe(60);
  expect(tokensLeft('Hi', 10, 40)).toBe(1);
  expect(tokensLeft('Hi', undefined, 40)).toBeUndefined();
  expect(tokensLeft({ messages, max_tokens: 50 }, undefined, 40)).toBe(10);
  expect(tokensLeft({ messages, max_tokens: 9, max_completion_tokens: 50 }, undefined, 40)).toBe(10);
  expect(tokensLeft({ messages, max_tokens: null }, undefined, 40)).toBeUndefined();
});
