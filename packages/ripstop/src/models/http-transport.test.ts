import { expect, test } from 'vitest';
import { createContext } from '../call/root-scope.js';
import type { HttpAnswer, HttpRequest, HttpTransport } from './http-transport.js';
import { requestFor } from './http-transport.js';

const content = { method: 'POST', url: 'https://models.example/v1', headers: {}, body: '{}' } as const;
const nothing = (): Promise<HttpAnswer> => Promise.reject(new Error('not sent'));

test('a transport gets the whole request by its own properties, so that a copy of it is one too', () => {
  const call = createContext();
  const request: HttpRequest = { ...requestFor(nothing, content, call), headers: { extra: 'one' } };
  call.abort('enough');
  expect(request).toMatchObject({ ...content, headers: { extra: 'one' } });
  expect(request.signal.reason).toBe('enough');
});

test('a transport that takes news of an abort hears it without an AbortSignal, which it can still have', () => {
  const call = createContext();
  const transport: HttpTransport = Object.assign(nothing, { takes: 'onAbort' } as const);
  const request = requestFor(transport, content, call);
  const heard: unknown[] = [];
  request.onAbort?.((reason) => heard.push(reason));
  const stop = request.onAbort?.(() => heard.push('nobody listens any more'));
  stop?.();
  expect(Object.keys(request)).not.toContain('signal');
  call.abort('enough');
  expect(heard).toEqual(['enough']);
  expect(request.signal.reason).toBe('enough');
});
