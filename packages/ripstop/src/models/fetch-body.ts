/** Bodies of answers, handed on as they come: the reader asks, and nothing is read ahead. */
import type { CallScope } from '../call/call.js';
import { ModelError } from '../errors/model-error.js';
import { CancelledError } from '../errors/rejections.js';
import { within } from './content-limits.js';
import type { EventAnswer } from './event-answer.js';
import { errorEvent, remade } from './fetch-failure.js';

/**
 * The answer with its own bytes, each piece within `gapMs` of the one before. It belongs to `scope` until it has been
 * read, left, or aborted.
 */
export function passedOn(response: Response, gapMs: number, scope: CallScope): Response {
  const reader = response.body?.getReader();
  if (reader === undefined) {
    scope.release();
    return response;
  }
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const step = await within({ phase: 'gap', ms: gapMs }, reader.read(), scope);
        if (!step.done) return controller.enqueue(step.value);
        scope.release();
        controller.close();
      },
      async cancel(reason) {
        await reader.cancel(reason);
        scope.abort(new CancelledError());
      },
    },
    { highWaterMark: 0 },
  );
  return remade(response, body);
}

/** The events as an answer. What breaks them off ends them with an event that tells so; a caller's abort is none. */
export function streamed(answer: EventAnswer): Response {
  const { response, scope } = answer;
  const events = answer[Symbol.asyncIterator]();
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        scope.onAbort((reason) => {
          if (!scope.cancelled) return;
          controller.error(reason);
          void events.return?.();
        });
      },
      async pull(controller) {
        try {
          const step = await events.next();
          if (step.done) controller.close();
          else controller.enqueue(step.value);
        } catch (error) {
          if (!ModelError.isInstance(error)) return controller.error(error);
          controller.enqueue(errorEvent(error));
          controller.close();
        }
      },
      async cancel() {
        scope.abort(new CancelledError());
        await events.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  return remade(response, body);
}
