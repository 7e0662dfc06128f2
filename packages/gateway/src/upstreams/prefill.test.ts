import { expect, test } from 'vitest';
import { prefillOf } from './prefill.js';

const request = { messages: [{ role: 'user', content: 'Hi' }], temperature: 0 };
const last = { role: 'assistant', content: 'Hel' };

test('GW7: an upstream is asked to go on as it wants to be', () => {
  expect(prefillOf({ prefill: false })).toBeUndefined();
  expect(prefillOf({ prefill: true })?.(request, 'Hel')).toEqual({
    ...request,
    messages: [...request.messages, last],
  });
  expect(prefillOf({ prefill: 'prefix' })?.(request, 'Hel')).toEqual({
    ...request,
    messages: [...request.messages, { ...last, prefix: true }],
  });
  expect(prefillOf({ prefill: 'continue_final_message' })?.(request, 'Hel')).toEqual({
    ...request,
    messages: [...request.messages, last],
    continue_final_message: true,
    add_generation_prompt: false,
  });
});
