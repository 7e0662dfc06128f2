import { type Judgement, met, missing, unknown } from './finding.js';
import { howToShow, type Seen } from './seen.js';

const listenAdvice = 'Begin to count: const metrics = errorMetrics(); metrics.listen()';
const alertAdvice = 'Send alerts to where people look: alerts([slackSink({ url })])';
const tellers = ['alerts', 'prometheus', 'log'];

export const monitoringRules = {
  error_metrics: counted,
  error_trends: counted,

  spike_alerts: (service: Seen): Judgement => alerted(service, 'A rise of errors'),

  performance_alerts: (service: Seen): Judgement => alerted(service, 'A rise of latency'),

  health_monitoring(service: Seen): Judgement {
    const told = tellers.filter((name) => service.listeners.includes(name));
    const checked = service.checks.size > 0 || service.parts.healthChecker;
    if (!checked) return missing('There is no health check that could fail', 'Add app.healthCheck(name, check)');
    if (told.length > 0) return met(`What a check finds goes to: ${told.join(', ')}`);
    return noListener(service, 'Nobody is told when a check fails', alertAdvice);
  },
};

function counted(service: Seen): Judgement {
  if (listens(service, 'error_metrics')) return met('errorMetrics() counts errors, calls and durations');
  if (service.parts.errorMetrics) {
    return met('errorMetrics() was seen, fed by hand: it does not listen to the events of this chute');
  }
  if (listens(service, 'prometheus')) return met('Prometheus gets counters of errors by type');
  return noListener(
    service,
    'Errors are counted by the error handler alone: no rates, no patterns, no trend',
    listenAdvice,
  );
}

/** An alert needs somebody who notices, and somebody who tells. */
function alerted(service: Seen, what: string): Judgement {
  const notices = listens(service, 'error_metrics');
  const tells = listens(service, 'alerts');
  if (notices && tells) return met(`${what} is noticed by errorMetrics() and told by alerts()`);
  if (listens(service, 'prometheus')) {
    return unknown(`${what} can be an alert rule of Prometheus, which cannot be seen from here`, alertAdvice);
  }
  const advice = notices ? alertAdvice : tells ? listenAdvice : `${listenAdvice}. ${alertAdvice}`;
  return noListener(service, `${what} is not told to anybody`, advice);
}

function listens({ listeners }: Seen, name: string): boolean {
  return listeners.includes(name);
}

/** A listener that has not told its name may do it. */
function noListener(service: Seen, found: string, advice: string): Judgement {
  if (!service.listeners.includes(undefined)) return missing(found, advice);
  const hint = `Give it its name: events.on(listener, { name }). ${howToShow(service, 'metrics')}`;
  return unknown('Somebody listens to the events, and has not said what for', `${advice}. ${hint}`);
}
