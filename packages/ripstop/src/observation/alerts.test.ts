import { describe, expect, test } from 'vitest';
import type { CallEvent, ReportedEvent } from '../call/events.js';
import { UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { type VirtualRuntime, virtualRuntime } from '../testing/virtual-runtime.js';
import { type AlertOptions, type Alerts, alertDefaults, alerts } from './alerts.js';
import type { AlertNotice, AlertSink } from './alerts-notice.js';

type Answer = (notice: AlertNotice, signal: AbortSignal) => Promise<string>;

interface Scene {
  readonly runtime: VirtualRuntime;
  readonly alerts: Alerts;
  /** Every message that the sink has got. */
  readonly told: AlertNotice[];
  /** What alerts have reported of themselves. */
  readonly own: ReportedEvent[];
  readonly emit: (event: CallEvent, correlationId?: string) => void;
  /** Each message so far: its status and what it is about. */
  readonly lines: () => string[];
}

function scene(options: AlertOptions = {}, answer: Answer = async () => 'taken'): Scene {
  const runtime = virtualRuntime();
  const told: AlertNotice[] = [];
  const own: ReportedEvent[] = [];
  const sink: AlertSink = {
    name: 'desk',
    send(notice, { signal }) {
      told.push(notice);
      return answer(notice, signal);
    },
  };
  const made = alerts([sink], options, runtime);
  runtime.events.on((event) => {
    if (event.type.startsWith('alert.')) own.push(event);
  });
  return {
    runtime,
    alerts: made,
    told,
    own,
    emit(event, correlationId) {
      const at = runtime.clock.now();
      runtime.events.emit(correlationId === undefined ? { ...event, at } : { ...event, at, correlationId });
    },
    lines: () =>
      told.map(({ status, alerts: all }) => `${status} ${all.map((one) => `${one.class}:${one.subject}`).join(' ')}`),
  };
}

const opened = (name: string): CallEvent => ({ type: 'breaker.opened', name, cooldownMs: 1, reason: 'five in a row' });
const closed = (name: string): CallEvent => ({ type: 'breaker.closed', name });
const refused = (model: string): CallEvent => {
  return { type: 'attempt.finished', model, ms: 1, errorType: 'authentication_failed' };
};
const answered = (model: string): CallEvent => ({ type: 'attempt.finished', model, ms: 1 });
const seconds = 1_000;
const minutes = 60_000;

describe('what is told', () => {
  test('R79 D56 I1: a breaker that opens is one message after a short wait, and one when it has stayed closed', async () => {
    const { runtime, emit, told, alerts: made } = scene();
    emit({ type: 'attempt.finished', model: 'main', ms: 9, errorType: 'upstream_unavailable' }, 'call-1');
    emit(opened('main'), 'call-1');
    expect(told).toEqual([]);
    await runtime.clock.advance(5 * seconds);
    expect(told).toEqual([
      {
        key: 'ripstop/breaker_open:main',
        id: expect.stringMatching(/^[\da-f-]{36}$/),
        status: 'firing',
        severity: 'error',
        source: 'ripstop',
        at: new Date('2026-01-01T00:00:05Z'),
        more: 0,
        alerts: [
          {
            class: 'breaker_open',
            subject: 'main',
            severity: 'error',
            status: 'firing',
            summary: 'The breaker of main is open',
            startedAt: new Date('2026-01-01T00:00:00Z'),
            endedAt: undefined,
            count: 1,
            lastErrorType: 'upstream_unavailable',
            lastCorrelationId: 'call-1',
          },
        ],
      },
    ]);
    await runtime.clock.advance(25 * seconds);
    emit(closed('main'));
    expect(made.open).toHaveLength(1);
    await runtime.clock.advance(minutes - 1);
    expect(told).toHaveLength(1);
    await runtime.clock.advance(1);
    expect(told[1]).toMatchObject({ key: told[0]?.key, status: 'resolved', at: new Date('2026-01-01T00:01:30Z') });
    expect(told[1]?.alerts).toMatchObject([{ status: 'resolved', endedAt: new Date('2026-01-01T00:00:30Z') }]);
    expect(told[1]?.id).not.toBe(told[0]?.id);
    expect(made.open).toEqual([]);
  });

  test.each<[string, string, CallEvent, CallEvent | undefined]>([
    [
      'R189',
      'error error_spike:inference_timeout',
      { type: 'spike.started', kind: 'errors', subject: 'inference_timeout', recent: 40, baseline: 1 },
      { type: 'spike.ended', kind: 'errors', subject: 'inference_timeout', recent: 1, baseline: 1, ms: 9 },
    ],
    [
      'R192',
      'warning latency_spike:generate',
      { type: 'spike.started', kind: 'latency', subject: 'generate', recent: 9_000, baseline: 300 },
      { type: 'spike.ended', kind: 'latency', subject: 'generate', recent: 300, baseline: 300, ms: 9 },
    ],
    [
      'R192',
      'warning throughput_drop:generate',
      { type: 'spike.started', kind: 'throughput', subject: 'generate', recent: 1, baseline: 300 },
      { type: 'spike.ended', kind: 'throughput', subject: 'generate', recent: 300, baseline: 300, ms: 9 },
    ],
    ['GW20', 'error breaker_open:main', opened('main'), closed('main')],
    [
      'R196',
      'critical models_down:default',
      { type: 'chain.down', name: 'default' },
      { type: 'chain.recovered', name: 'default', downMs: 9 },
    ],
    [
      'R190',
      'error check_failing:gpu',
      { type: 'health.changed', check: 'gpu', critical: true, status: 'timeout', previous: 'healthy' },
      { type: 'health.changed', check: 'gpu', critical: true, status: 'healthy', previous: 'timeout' },
    ],
    [
      'R190',
      'warning check_failing:disk',
      { type: 'health.changed', check: 'disk', critical: false, status: 'unhealthy', previous: 'unknown' },
      { type: 'health.changed', check: 'disk', critical: false, status: 'healthy', previous: 'unhealthy' },
    ],
    [
      'R190',
      'critical service_critical:ripstop',
      { type: 'health.overall_changed', status: 'critical', previous: 'healthy', criticalFailures: ['gpu'] },
      { type: 'health.overall_changed', status: 'healthy', previous: 'critical', criticalFailures: [] },
    ],
    [
      'R190',
      'warning service_degraded:ripstop',
      { type: 'health.overall_changed', status: 'degraded', previous: 'healthy', criticalFailures: [] },
      { type: 'health.overall_changed', status: 'healthy', previous: 'degraded', criticalFailures: [] },
    ],
    ['GW20', 'critical credential_refused:main', refused('main'), answered('main')],
    [
      'GW20',
      'critical credential_refused:main',
      { type: 'model.failed', model: 'main', ms: 1, errorType: 'permission_denied' },
      { type: 'model.answered', model: 'main', ms: 1, wasFallback: false, streamed: false },
    ],
    [
      'GW20',
      'critical quota_gone:main',
      { type: 'model.failed', model: 'main', ms: 1, errorType: 'quota_exceeded' },
      answered('main'),
    ],
    [
      'R192',
      'warning level_reduced:chat',
      { type: 'degradation.changed', name: 'chat', level: 'reduced', previous: 'full', load: 0.8 },
      { type: 'degradation.changed', name: 'chat', level: 'full', previous: 'reduced', load: 0.1 },
    ],
    [
      'R192',
      'error level_minimal:chat',
      { type: 'degradation.changed', name: 'chat', level: 'minimal', previous: 'full', load: 1 },
      { type: 'degradation.changed', name: 'chat', level: 'full', previous: 'minimal', load: 0.1 },
    ],
    [
      'R78',
      'critical critical_error:internal_error',
      {
        type: 'error.critical',
        errorType: 'internal_error',
        errorClass: 'TypeError',
        status: 500,
        origin: 'service',
        message: 'private',
        operation: 'private',
        context: {},
      },
      undefined,
    ],
  ])('%s: %s is told when it begins, and when it is over', async (_row, line, begin, end) => {
    const { runtime, emit, told } = scene();
    emit(begin);
    await runtime.clock.advance(5 * seconds);
    expect(told).toHaveLength(1);
    expect(told[0]?.alerts.map((one) => `${one.severity} ${one.class}:${one.subject}`)).toEqual([line]);
    if (end === undefined) {
      await runtime.clock.advance(4 * minutes);
      expect(told).toHaveLength(1);
    } else emit(end);
    await runtime.clock.advance(minutes);
    expect(told.map(({ status }) => status)).toEqual(['firing', 'resolved']);
    expect(runtime.clock.pending).toBeLessThanOrEqual(1);
  });

  test('GW20: a credential that is refused, a quota that is gone and a critical error wait for no company', async () => {
    const { runtime, emit, lines } = scene();
    emit(refused('main'), 'call-1');
    await runtime.clock.advance(0);
    expect(lines()).toEqual(['firing credential_refused:main']);
  });

  test('what most calls meet, and errors that a caller has caused, are no alerts', async () => {
    const { runtime, emit, told, alerts: made } = scene();
    emit({ type: 'attempt.finished', model: 'main', ms: 1, errorType: 'model_overloaded' });
    emit({ type: 'model.failed', model: 'main', ms: 1, errorType: 'cancelled' });
    emit(answered('main'));
    emit(closed('main'));
    emit({ type: 'health.changed', check: 'gpu', critical: true, status: 'unknown', previous: 'healthy' });
    expect(made.open).toEqual([]);
    await runtime.clock.runAll();
    expect(told).toEqual([]);
  });

  test('R192: a worse level is told besides the lesser one, which lasts until all is well', async () => {
    const { runtime, emit, lines } = scene();
    const level = (to: string, previous: string): void =>
      emit({ type: 'degradation.changed', name: 'chat', level: to, previous, load: 1 });
    level('reduced', 'full');
    await runtime.clock.advance(minutes);
    level('minimal', 'reduced');
    await runtime.clock.advance(minutes);
    level('reduced', 'minimal');
    await runtime.clock.advance(2 * minutes);
    level('full', 'reduced');
    await runtime.clock.advance(2 * minutes);
    expect(lines()).toEqual([
      'firing level_reduced:chat',
      'firing level_minimal:chat',
      'resolved level_minimal:chat',
      'resolved level_reduced:chat',
    ]);
  });

  test('R189: the last error of a spike is the type that it is of, also where it is of one model', async () => {
    const { runtime, emit, told } = scene();
    for (const subject of ['inference_timeout', 'out_of_memory:main', 'odd:main'])
      emit({ type: 'spike.started', kind: 'errors', subject, recent: 40, baseline: 1 });
    await runtime.clock.advance(5 * seconds);
    expect(told[0]?.alerts.map(({ lastErrorType }) => lastErrorType)).toEqual([
      'inference_timeout',
      'out_of_memory',
      undefined,
    ]);
  });

  test('the last error of a chain that is down is that of any of its models', async () => {
    const { runtime, emit, told } = scene();
    emit({ type: 'model.failed', model: 'spare', ms: 1, errorType: 'inference_timeout' }, 'call-7');
    emit({ type: 'chain.down', name: 'default' });
    await runtime.clock.advance(5 * seconds);
    expect(told[0]?.alerts).toMatchObject([{ lastErrorType: 'inference_timeout', lastCorrelationId: 'call-7' }]);
  });
});

describe('how often', () => {
  test('I1: what begins within five seconds is one message, the worst first, and over when all of it is', async () => {
    const { runtime, emit, lines, told } = scene();
    emit(opened('main'));
    await runtime.clock.advance(2 * seconds);
    emit(opened('spare'));
    emit({ type: 'chain.down', name: 'default' });
    await runtime.clock.advance(3 * seconds);
    expect(lines()).toEqual(['firing models_down:default breaker_open:main breaker_open:spare']);
    expect(told[0]?.severity).toBe('critical');
    emit({ type: 'chain.recovered', name: 'default', downMs: 9 });
    emit(closed('main'));
    await runtime.clock.advance(5 * minutes);
    expect(lines()).toHaveLength(1);
    emit(closed('spare'));
    await runtime.clock.advance(minutes);
    expect(lines()).toEqual([
      'firing models_down:default breaker_open:main breaker_open:spare',
      'resolved models_down:default breaker_open:main breaker_open:spare',
    ]);
    expect(told[1]?.key).toBe(told[0]?.key);
    await runtime.clock.advance(5 * minutes);
    expect(runtime.clock.pending).toBe(0);
  });

  test('I1: the same again is counted and not told; what one call meets in all its attempts counts once', async () => {
    const { runtime, emit, told } = scene();
    for (const id of ['a', 'a', 'b', 'c']) emit(refused('main'), id);
    await runtime.clock.advance(1 * seconds);
    emit(refused('main'), 'd');
    emit(answered('main'));
    await runtime.clock.advance(minutes);
    expect(told.map(({ status, alerts: [only] }) => [status, only?.count, only?.lastCorrelationId])).toEqual([
      ['firing', 1, 'a'],
      ['resolved', 4, 'd'],
    ]);
  });

  test('GW20 D56: one alert per target and class in five minutes; what is still wrong then is told then', async () => {
    const { runtime, emit, lines, told } = scene();
    emit(opened('main'));
    await runtime.clock.advance(10 * seconds);
    emit(closed('main'));
    await runtime.clock.advance(minutes);
    expect(lines()).toEqual(['firing breaker_open:main', 'resolved breaker_open:main']);
    emit(opened('main'));
    emit(opened('spare'));
    await runtime.clock.advance(3 * minutes);
    expect(lines().slice(2)).toEqual(['firing breaker_open:spare']);
    await runtime.clock.advance(minutes);
    expect(lines().slice(3)).toEqual(['firing breaker_open:main']);
    expect(told[3]?.at).toEqual(new Date('2026-01-01T00:05:10Z'));
    expect(told[3]?.alerts[0]?.startedAt).toEqual(new Date('2026-01-01T00:01:10Z'));
  });

  test('GW20: what was wrong again within five minutes, and is over by then, is not told', async () => {
    const { runtime, emit, lines } = scene();
    emit(opened('main'));
    await runtime.clock.advance(10 * seconds);
    emit(closed('main'));
    await runtime.clock.advance(minutes);
    emit(opened('main'));
    await runtime.clock.advance(1 * seconds);
    emit(closed('main'));
    await runtime.clock.runAll();
    expect(lines()).toHaveLength(2);
    emit(opened('main'));
    await runtime.clock.advance(5 * seconds);
    expect(lines()).toHaveLength(3);
  });

  test('I1: what flaps stays one alert, which is over when it has been well for a minute', async () => {
    const { runtime, emit, lines, told } = scene();
    emit(opened('main'));
    for (let flap = 0; flap < 10; flap += 1) {
      await runtime.clock.advance(20 * seconds);
      emit(closed('main'));
      await runtime.clock.advance(minutes - 1);
      emit(opened('main'));
    }
    emit(closed('main'));
    await runtime.clock.advance(minutes - 1);
    expect(lines()).toEqual(['firing breaker_open:main']);
    await runtime.clock.advance(1);
    expect(lines()).toEqual(['firing breaker_open:main', 'resolved breaker_open:main']);
    expect(told[1]?.alerts[0]?.count).toBe(11);
    await runtime.clock.advance(5 * minutes);
    expect(runtime.clock.pending).toBe(0);
  });

  test('I1: what flaps so slowly that it was told to be over must be well for twice as long, until it is one alert', async () => {
    const { runtime, emit, lines } = scene();
    for (let flap = 0; flap < 20; flap += 1) {
      emit(opened('main'));
      await runtime.clock.advance(30 * seconds);
      emit(closed('main'));
      await runtime.clock.advance(90 * seconds);
    }
    expect(lines()).toEqual(['firing breaker_open:main', 'resolved breaker_open:main', 'firing breaker_open:main']);
    await runtime.clock.advance(390 * seconds - 1);
    expect(lines()).toHaveLength(3);
    await runtime.clock.advance(1);
    expect(lines()).toHaveLength(4);
  });

  test('I1: that wait does not grow beyond maxClearMs', async () => {
    const { runtime, emit, lines } = scene({ maxClearMs: 90 * seconds });
    emit(opened('main'));
    await runtime.clock.advance(10 * seconds);
    emit(closed('main'));
    await runtime.clock.advance(minutes);
    emit(opened('main'));
    await runtime.clock.advance(5 * minutes);
    emit(closed('main'));
    await runtime.clock.advance(90 * seconds - 1);
    expect(lines()).toHaveLength(3);
    await runtime.clock.advance(1);
    expect(lines()).toHaveLength(4);
  });

  test('I1: what is over before the first message is not told, and begins anew when it comes back', async () => {
    const { runtime, emit, lines, told } = scene();
    emit(opened('main'));
    emit(opened('spare'));
    await runtime.clock.advance(2 * seconds);
    emit(closed('main'));
    await runtime.clock.advance(3 * seconds);
    expect(lines()).toEqual(['firing breaker_open:spare']);
    expect(told[0]?.key).toBe('ripstop/breaker_open:spare');
    emit(opened('main'));
    emit(closed('main'));
    await runtime.clock.advance(5 * seconds);
    expect(lines()).toHaveLength(1);
    emit(opened('main'));
    await runtime.clock.advance(5 * seconds);
    expect(lines()).toEqual(['firing breaker_open:spare', 'firing breaker_open:main']);
  });

  test('R78: critical errors are over when there was none for five minutes', async () => {
    const { runtime, emit, told } = scene();
    const facts = {
      errorClass: 'Error',
      status: 500,
      origin: 'service',
      message: '',
      operation: '',
      context: {},
    } as const;
    for (let index = 0; index < 4; index += 1) {
      emit({ type: 'error.critical', errorType: 'out_of_memory', ...facts }, `call-${index}`);
      await runtime.clock.advance(4 * minutes);
    }
    expect(told).toHaveLength(1);
    await runtime.clock.advance(minutes);
    expect(told[1]).toMatchObject({ status: 'resolved', alerts: [{ count: 4, lastErrorType: 'out_of_memory' }] });
    await runtime.clock.advance(minutes);
    emit({ type: 'error.critical', errorType: 'out_of_memory', ...facts }, 'call-9');
    await runtime.clock.advance(0);
    expect(told[2]).toMatchObject({ status: 'firing', alerts: [{ count: 1, lastCorrelationId: 'call-9' }] });
    await runtime.clock.advance(5 * minutes);
    expect(told[3]).toMatchObject({ status: 'resolved' });
  });
});

describe('bounds', () => {
  test('I1: a message names twenty, and says how many more there are', async () => {
    const { runtime, emit, told } = scene();
    for (let index = 0; index < 25; index += 1) emit(opened(`model-${index}`));
    await runtime.clock.advance(5 * seconds);
    expect([told.length, told[0]?.alerts.length, told[0]?.more]).toEqual([1, 20, 5]);
  });

  test('however many subjects there are, no more than maxAlerts are known', async () => {
    const { runtime, emit, own, alerts: made } = scene({ maxAlerts: 10 });
    for (let index = 0; index < 1_000; index += 1) emit(opened(`model-${index}`));
    expect(made.open).toHaveLength(10);
    expect(own).toHaveLength(990);
    expect(own[0]).toMatchObject({ type: 'alert.dropped', sink: 'desk', alert: 'breaker_open:model-10' });
    await runtime.clock.advance(5 * seconds);
    for (let index = 0; index < 10; index += 1) emit(closed(`model-${index}`));
    await runtime.clock.advance(minutes);
    for (let index = 2_000; index < 2_010; index += 1) emit(opened(`model-${index}`));
    expect(made.open.map(({ subject }) => subject)).toEqual(
      Array.from({ length: 10 }, (_, index) => `model-${2_000 + index}`),
    );
    expect(runtime.clock.pending).toBeLessThan(15);
  });

  test('I1: a sink gets no more than perMinute deliveries in a minute; the rest wait their turn', async () => {
    const { runtime, emit, told } = scene({ groupMs: 0, perMinute: 3 });
    for (let index = 0; index < 6; index += 1) {
      emit(opened(`model-${index}`));
      await runtime.clock.advance(1);
    }
    expect(told).toHaveLength(3);
    await runtime.clock.advance(20 * seconds);
    expect(told).toHaveLength(4);
    await runtime.clock.advance(40 * seconds);
    expect(told).toHaveLength(6);
  });

  test('I1: a full queue loses its oldest message, and says so', async () => {
    const { runtime, emit, own, alerts: made } = scene({ groupMs: 0, maxQueue: 2 }, () => new Promise(() => undefined));
    for (let index = 0; index < 5; index += 1) {
      emit(opened(`model-${index}`));
      await runtime.clock.advance(1);
    }
    const dropped = (model: string, reason: string): object => {
      return { type: 'alert.dropped', sink: 'desk', alert: `ripstop/breaker_open:${model}`, reason };
    };
    expect(own).toMatchObject([dropped('model-1', 'queue_full'), dropped('model-2', 'queue_full')]);
    const end = made.close();
    await runtime.clock.advance(5 * seconds);
    await end;
    expect(own.slice(2)).toMatchObject(['model-0', 'model-3', 'model-4'].map((model) => dropped(model, 'closing')));
    expect(runtime.clock.pending).toBe(0);
  });
});

describe('delivery', () => {
  test('D56: no delivery begins before whoever emitted the event has gone on', async () => {
    const { runtime, emit, told } = scene({ groupMs: 0 });
    emit(refused('main'));
    await Promise.resolve();
    expect(told).toEqual([]);
    await runtime.clock.advance(0);
    expect(told).toHaveLength(1);
  });

  test('D56 I1: a sink that fails is tried again, then given up, and neither raises an alert nor opens a breaker', async () => {
    const types: string[] = [];
    const { runtime, emit, told, own } = scene({}, () => Promise.reject(new UpstreamUnavailableError()));
    runtime.events.on(({ type }) => types.push(type));
    emit(opened('main'));
    await runtime.clock.advance(5 * minutes);
    expect(told).toHaveLength(5);
    expect(new Set(told.map(({ id }) => id)).size).toBe(1);
    expect(own).toEqual([
      expect.objectContaining({
        type: 'alert.failed',
        sink: 'desk',
        alert: 'ripstop/breaker_open:main',
        reason: 'failed',
      }),
    ]);
    expect(types).toEqual(['breaker.opened', 'alert.failed']);
  });

  test('a refusal that no repetition cures is not repeated', async () => {
    const refusal = new UpstreamUnavailableError('no', { isRetryable: false, details: { status: 404 } });
    const { runtime, emit, told, own } = scene({}, () => Promise.reject(refusal));
    emit(opened('main'));
    await runtime.clock.advance(5 * minutes);
    expect(told).toHaveLength(1);
    expect(own).toMatchObject([{ type: 'alert.failed', reason: 'HTTP 404' }]);
  });

  test('a sink that is back gets the message that was tried', async () => {
    let tries = 0;
    const { runtime, emit, own } = scene({}, async () => {
      tries += 1;
      if (tries < 3) throw new Error('not yet');
      return 'taken';
    });
    emit(opened('main'));
    await runtime.clock.advance(minutes);
    expect(own).toMatchObject([
      { type: 'alert.delivered', sink: 'desk', alert: 'ripstop/breaker_open:main', status: 'firing' },
    ]);
  });

  test('D56: a sink that hangs is told to stop, and a sink beside it is not held up', async () => {
    const runtime = virtualRuntime();
    const told: string[] = [];
    let aborted = 0;
    const hanging: AlertSink = {
      name: 'hangs',
      send: (_, { signal }) => new Promise(() => signal.addEventListener('abort', () => (aborted += 1))),
    };
    const throwing: AlertSink = {
      name: 'throws',
      send() {
        throw new TypeError('a bug');
      },
    };
    const well: AlertSink = {
      name: 'well',
      async send({ status }) {
        told.push(status);
        return 'taken';
      },
    };
    const reasons: string[] = [];
    runtime.events.on((event) => {
      if (event.type === 'alert.failed') reasons.push(`${event.sink}: ${event.reason}`);
    });
    const made = alerts([hanging, throwing, well], {}, runtime);
    runtime.events.emit({ ...opened('main'), at: 0 });
    await runtime.clock.advance(5 * seconds);
    expect([told, reasons]).toEqual([['firing'], ['throws: failed']]);
    await runtime.clock.advance(10 * minutes);
    expect(reasons).toContain('hangs: no answer in time');
    expect(aborted).toBe(5);
    await made.close();
  });

  test('`close` delivers what waits, and then nothing more', async () => {
    const { runtime, emit, lines, alerts: made } = scene();
    emit(opened('main'));
    const end = made.close();
    await runtime.clock.advance(0);
    await end;
    expect(lines()).toEqual(['firing breaker_open:main']);
    emit(opened('spare'));
    await runtime.clock.runAll();
    expect(lines()).toHaveLength(1);
    expect(runtime.clock.pending).toBe(0);
    await made.close();
  });

  test('a sink that wants to hears again of what still fires, until it is over', async () => {
    const runtime = virtualRuntime();
    const told: string[] = [];
    const sink: AlertSink = {
      name: 'desk',
      repeatMs: 30 * seconds,
      async send({ status, at }) {
        told.push(`${status} ${at.toISOString().slice(14, 19)}`);
        return 'taken';
      },
    };
    alerts([sink], {}, runtime);
    runtime.events.emit({ ...opened('main'), at: 0 });
    await runtime.clock.advance(70 * seconds);
    runtime.events.emit({ ...closed('main'), at: 0 });
    await runtime.clock.advance(10 * minutes);
    expect(told).toEqual([
      'firing 00:05',
      'firing 00:35',
      'firing 01:05',
      'firing 01:35',
      'firing 02:05',
      'resolved 02:10',
    ]);
    expect(runtime.clock.pending).toBe(0);
  });
});

test('R79 I1: a test sends each sink an alert and its end, and says what came back', async () => {
  const runtime = virtualRuntime();
  const types: string[] = [];
  runtime.events.on(({ type }) => types.push(type));
  const told: AlertNotice[] = [];
  const well: AlertSink = {
    name: 'well',
    async send(notice) {
      told.push(notice);
      return 'HTTP 202';
    },
  };
  const hangs: AlertSink = { name: 'hangs', send: () => new Promise(() => undefined) };
  const made = alerts([well, hangs], { source: 'desk' }, runtime);
  expect(made.sinks).toEqual(['well', 'hangs']);
  const results = made.test();
  await runtime.clock.runAll();
  expect(await results).toEqual([
    { sink: 'well', outcome: 'delivered', answers: ['HTTP 202', 'HTTP 202'], ms: 0 },
    { sink: 'hangs', outcome: 'failed', answers: ['no answer in time', 'no answer in time'], ms: 20_000 },
  ]);
  expect(told.map(({ status }) => status)).toEqual(['firing', 'resolved']);
  expect(told[0]?.key).toBe(told[1]?.key);
  expect(told[0]?.alerts).toMatchObject([{ class: 'test', summary: 'A test from desk: nothing is wrong' }]);
  expect(types).toEqual([]);
  expect(await made.test('well')).toMatchObject([{ sink: 'well', outcome: 'delivered' }]);
});

describe('options', () => {
  const sink: AlertSink = { name: 'desk', send: async () => '' };

  test.each<[AlertOptions, string]>([
    [{ groupMs: -1 }, 'groupMs must be 0 or above, got -1'],
    [{ clearMs: Number.NaN }, 'clearMs must be 0 or above, got NaN'],
    [{ cooldownMs: -1 }, 'cooldownMs must be 0 or above, got -1'],
    [{ closeMs: -1 }, 'closeMs must be 0 or above, got -1'],
    [{ maxAlerts: 0 }, 'maxAlerts must be a whole number of at least 1, got 0'],
    [{ perMinute: 0.5 }, 'perMinute must be a whole number of at least 1, got 0.5'],
    [{ maxQueue: 0 }, 'maxQueue must be a whole number of at least 1, got 0'],
    [{ attemptMs: 0 }, 'attemptMs must be above 0, got 0'],
    [{ deliverMs: 0 }, 'deliverMs must be above 0, got 0'],
    [{ maxClearMs: 0 }, 'maxClearMs must be above 0, got 0'],
  ])('%j is refused', (options, message) => {
    expect(() => alerts([sink], options, virtualRuntime())).toThrow(new RangeError(message));
  });

  test('two sinks of one name are refused', () => {
    expect(() => alerts([sink, sink], {}, virtualRuntime())).toThrow('sinks must have a name each, got "desk"');
  });

  test('GW20: by default an alert is told once in five minutes', () => {
    expect(alertDefaults.cooldownMs).toBe(5 * minutes);
  });
});

test('D56: a canary in any event is in no message', async () => {
  const canary = 'https://xanthippe.internal.example:8443/v1?key=sk-xanthippe0123456789abcdef';
  const { runtime, emit, told, own } = scene({ source: canary });
  emit(opened(canary), 'sk-xanthippe0123456789abcdef');
  emit(opened('xanthippe.other.example'));
  emit(refused(canary));
  emit({ type: 'chain.down', name: canary });
  emit({ type: 'spike.started', kind: 'latency', subject: canary, recent: 1, baseline: 1 });
  emit({ type: 'health.changed', check: canary, critical: true, status: 'error', previous: 'healthy' });
  emit({
    type: 'error.critical',
    errorType: 'internal_error',
    errorClass: canary,
    status: 500,
    origin: 'service',
    message: canary,
    operation: canary,
    context: { prompt: canary },
  });
  await runtime.clock.advance(10 * minutes);
  expect(told.length).toBeGreaterThan(1);
  expect(JSON.stringify([told, own])).not.toMatch(/xanthippe/i);
  const breakers = told.flatMap(({ alerts: all }) => all).filter((one) => one.class === 'breaker_open');
  expect(breakers).toHaveLength(2);
  for (const { subject } of breakers) expect(subject).toMatch(/^\[(link|host)\]/);
});
