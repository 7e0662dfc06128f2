/** Events as they are counted. Each of them is told once for what it tells of, so that nothing counts twice (D106). */
import type { CallEvent, ReportedEvent } from '../../call/events.js';
import { errorTypes } from '../../errors/error-table.js';
import type { ErrorMetricsSettings } from '../error-metrics-options.js';
import type { Ledger } from './ledger.js';

/** Where no operation is known. */
export const unknown = 'unknown';

/** Which events are counted, and how. */
export interface Hearing {
  readonly types: readonly CallEvent['type'][];
  readonly hear: (event: ReportedEvent, now: number) => void;
}

export function hearing(ledger: Ledger, settings: Pick<ErrorMetricsSettings, 'of' | 'ignoredRoutes'>): Hearing {
  return settings.of === 'models' ? hearModels(ledger) : hearRequests(ledger, new Set(settings.ignoredRoutes));
}

/**
 * Errors as their handler tells them, and requests whatever came of them. A caller who left is no error (D64). A caller's
 * mistake is told by its type alone: whoever worded it, an upstream say, may have quoted what he sent.
 */
function hearRequests(ledger: Ledger, ignored: ReadonlySet<unknown>): Hearing {
  const hear: Hearing['hear'] = (event, now) => {
    if (event.type === 'error.handled') {
      const { errorType, operation, origin, context } = event;
      const message = origin === 'client' ? errorTypes[errorType].sentence : event.message;
      if (errorType === 'cancelled' || ignored.has(context['request_path'])) return;
      ledger.addError(now, { type: errorType, operation, message });
    } else if (event.type === 'request.finished' && !ignored.has(event.route)) {
      const { route = unknown, errorType, streamed, ms } = event;
      ledger.knowsCalls = true;
      ledger.addCall(now, route);
      // A stream takes as long as its length and its reader want.
      if (errorType === undefined && !streamed) ledger.addDuration(now, route, ms);
    }
  };
  return { types: ['error.handled', 'request.finished'], hear };
}

/** What each model did with what it was asked, its own retries behind it. */
function hearModels(ledger: Ledger): Hearing {
  const hear: Hearing['hear'] = (event, now) => {
    if (event.type === 'model.failed') {
      const { errorType, model } = event;
      if (errorType === 'cancelled') return;
      ledger.addError(now, { type: errorType, operation: model, message: '' });
      ledger.addCall(now, model);
    } else if (event.type === 'model.answered') {
      const { model, streamed, ms, firstContentMs } = event;
      ledger.knowsCalls = true;
      ledger.addCall(now, model);
      if (!streamed) ledger.addDuration(now, model, ms);
      else if (firstContentMs !== undefined) ledger.addDuration(now, `${model}:first_content`, firstContentMs);
    }
  };
  return { types: ['model.failed', 'model.answered'], hear };
}
