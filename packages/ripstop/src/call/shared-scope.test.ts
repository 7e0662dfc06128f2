import { expect, test } from 'vitest';
import { recordingContext } from '../testing/recording-context.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { abortable, nextAttempt } from './attempt.js';
import { createContext } from './root-scope.js';
import { SharedScope } from './shared-scope.js';

test('C3: what a shared call is asked it answers for the caller who began it', () => {
  const runtime = virtualRuntime();
  const root = recordingContext({ key: 'capital', correlationId: 'abc', deadlineMs: 100 }, runtime);
  const founder = nextAttempt(root, 3);
  const shared = new SharedScope(founder);
  expect(shared).toMatchObject({ key: 'capital', correlationId: 'abc', attempt: 3, deadline: 100, depth: 2, runtime });
  shared.emit({ type: 'timeout.expired', limitMs: 5 });
  expect(root.events).toEqual([{ type: 'timeout.expired', limitMs: 5 }]);
  root.release();
});

test('C3: it has as long as the most patient of those who wait', () => {
  const runtime = virtualRuntime();
  const [hurried, patient] = [100, 300].map((deadlineMs) => createContext({ deadlineMs }, runtime));
  const shared = new SharedScope(hurried);
  const first = shared.join(hurried);
  expect(shared.deadline).toBe(100);
  const second = shared.join(patient);
  expect(shared.deadline).toBe(300);
  shared.leave(second);
  expect(shared.deadline).toBe(100);
  expect(shared.aborted).toBe(false);
  shared.leave(first);
  expect(shared.aborted).toBe(true);
  expect(shared.cancelled).toBe(false);
  hurried.release();
  patient.release();
});

test('C3 G3: it is cancelled when the last caller has left, with his reason, and not before', () => {
  const runtime = virtualRuntime();
  const [one, other] = [new AbortController(), new AbortController()];
  const contexts = [one, other].map(({ signal }) => createContext({ signal }, runtime));
  const shared = new SharedScope(contexts[0]);
  const [first, last] = contexts.map((context) => shared.join(context));
  const attempt = abortable(shared);
  one.abort('left');
  shared.leave(first);
  shared.leave(first);
  expect([shared.size, attempt.aborted, attempt.cancelled]).toEqual([1, false, false]);
  other.abort('left last');
  shared.leave(last);
  expect([attempt.aborted, attempt.cancelled, attempt.reason]).toEqual([true, true, 'left last']);
});

test('RT2 C3: that an upstream is not to be had before a time is known inside, and to all outside', () => {
  const runtime = virtualRuntime();
  const contexts = [1, 2, 3].map(() => createContext({}, runtime));
  const shared = new SharedScope(contexts[0]);
  const [founder] = contexts.map((context) => shared.join(context));
  shared.leave(founder);
  const attempt = nextAttempt(shared, 2);
  attempt.holdUntil(500);
  expect([attempt.notBefore, shared.notBefore]).toEqual([500, 500]);
  expect(contexts.slice(1).map(({ notBefore }) => notBefore)).toEqual([500, 500]);
});
