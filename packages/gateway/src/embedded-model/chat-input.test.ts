import type { ChatRequest } from 'ripstop/models';
import { expect, test } from 'vitest';
import { turnsOf } from './chat-input.js';

const messages = (...list: unknown[]): ChatRequest => ({ messages: list as ChatRequest['messages'] });

test('a bare string is one message of the user', () => {
  expect(turnsOf('hello')).toEqual([{ role: 'user', text: 'hello' }]);
});

test('content is a string, or parts of text', () => {
  const parts = [
    { type: 'text', text: 'one ' },
    { type: 'text', text: 'two' },
  ];
  expect(turnsOf(messages({ role: 'developer', content: 'rules' }, { role: 'assistant', content: parts }))).toEqual([
    { role: 'system', text: 'rules' },
    { role: 'assistant', text: 'one two' },
  ]);
  expect(turnsOf(messages())).toEqual([]);
});

test('what the model cannot read is refused by its place, and never shown', () => {
  const image = [{ type: 'image_url', image_url: { url: 'secret' } }];
  for (const content of [image, null, 7, [null], [{ type: 'text' }], ['secret']]) {
    expect(() => turnsOf(messages({ role: 'user', content: 'ok' }, { role: 'user', content }))).toThrow(
      'messages[1].content must be text: this model reads no other',
    );
  }
  expect(() => turnsOf(messages({ role: 'tool', content: 'secret' }))).toThrow(/^messages\[0\]\.role must be/);
  expect(() => turnsOf({ messages: 'secret' } as unknown as ChatRequest)).toThrow('messages must be a list');
});
