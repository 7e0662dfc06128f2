/** What is wrong at present, what of it has been told, and when the rest will be. */
import type { Runtime, Timer } from '../call/runtime.js';
import type { AlertStatus } from '../call/events.js';
import type { ErrorType } from '../errors/error-types.js';
import { type Alert, safeCorrelationId, safeSubject } from './alerts-notice.js';
import { type AlertClass, alertRules, type AlertSeverity, type Signal } from './alerts-rules.js';
import type { LastFailure } from './alerts-last-failures.js';

export interface BookSettings {
  readonly groupMs: number;
  readonly clearMs: number;
  readonly maxClearMs: number;
  readonly cooldownMs: number;
  readonly maxAlerts: number;
  /** The last failure that is known of it. */
  readonly lastFailure: (kind: AlertClass, name: string, correlationId?: string) => LastFailure | undefined;
  /** Tells the sinks. `key` is the group's. */
  readonly tell: (key: string, status: AlertStatus, alerts: readonly Alert[]) => void;
  /** There is no room for another one. */
  readonly overflow: (key: string) => void;
}

/**
 * `firing`: it is wrong, and told or about to be. `clearing`: it seems to be over, and must stay so for a while.
 * `cleared`: it has, and waits for the others of its group. `resting`: all of it was told, not long ago. `held`: it is
 * wrong again so soon that it is told later.
 */
type State = 'firing' | 'clearing' | 'cleared' | 'resting' | 'held';

interface Episode {
  readonly key: string;
  readonly class: AlertClass;
  /** As it was told. */
  readonly name: string;
  readonly severity: AlertSeverity;
  state: State;
  startedAt: Date;
  endedAt: Date | undefined;
  count: number;
  errorType: ErrorType | undefined;
  correlationId: string | undefined;
  /** How often it was wrong again soon after it was told to be over. */
  relapses: number;
  /** When it was last told to be wrong, on the runtime's clock. */
  toldAt: number;
  group: Group | undefined;
  timer: Timer | undefined;
}

/** What is told together. */
interface Group {
  /** That of the first member, from the first message on. */
  key: string | undefined;
  members: Episode[];
}

/**
 * The book of alerts: one entry for each class and subject, however often its events come.
 *
 * What begins within `groupMs` of the first is one group, told in one message, and told to be over in one message when
 * all of it is; what is over before the message is not told. An entry is over when it has stayed so for `clearMs`, so one that flaps stays one alert. After it was
 * told, the same entry is not told again for `cooldownMs`; if it is still wrong then, it is. One that flaps so slowly that
 * it was told to be over must stay well for twice as long each time that it comes back.
 *
 * Source: grouping after Prometheus Alertmanager (`group_wait`); damping after RFC 2439, with a wait that doubles in
 * place of a penalty that decays.
 */
export class AlertBook {
  private readonly settings: BookSettings;
  private readonly runtime: Runtime;
  private readonly episodes = new Map<string, Episode>();
  /** The group that others may still join. */
  private waiting: Group | undefined;
  private waitingTimer: Timer | undefined;

  constructor(settings: BookSettings, runtime: Runtime) {
    this.settings = settings;
    this.runtime = runtime;
  }

  /** Is nothing known? Then nothing can be over. */
  get isEmpty(): boolean {
    return this.episodes.size === 0;
  }

  /** What is wrong, or has not been well for long enough. */
  get open(): readonly Alert[] {
    return [...this.episodes.values()]
      .filter(({ state }) => state !== 'resting' && state !== 'cleared')
      .map((episode) => this.alertOf(episode, 'firing'));
  }

  note(signal: Signal): void {
    const key = `${signal.class}:${signal.subject}`;
    const episode = this.episodes.get(key);
    if (signal.is === 'over') {
      if (episode !== undefined) this.end(episode);
    } else if (episode !== undefined) this.again(episode, signal);
    else if (this.hasRoom()) this.begin(key, signal);
    else this.settings.overflow(keyOf(signal.class, signal.subject));
  }

  /** Ends all waiting. What waits for company is told now. */
  close(): void {
    if (this.waiting !== undefined) this.tellGroup(this.waiting);
    for (const { timer } of this.episodes.values()) timer?.cancel();
    this.episodes.clear();
  }

  private begin(key: string, signal: Signal): void {
    const { class: kind, subject: name, severity = alertRules[kind].severity, errorType, correlationId } = signal;
    const facts = { key, class: kind, name, severity, errorType, correlationId, startedAt: this.runtime.clock.date() };
    const blank = { endedAt: undefined, count: 1, relapses: 0, toldAt: 0, group: undefined, timer: undefined };
    const episode: Episode = { ...facts, ...blank, state: 'firing' };
    this.episodes.set(key, episode);
    this.join(episode);
    this.endIfSilent(episode);
  }

  private again(episode: Episode, signal: Signal): void {
    const { correlationId, errorType } = signal;
    // Each of a call's attempts may meet it.
    if (correlationId === undefined || correlationId !== episode.correlationId) episode.count += 1;
    episode.correlationId = correlationId ?? episode.correlationId;
    episode.errorType = errorType ?? episode.errorType;
    switch (episode.state) {
      case 'firing':
      case 'held':
        break;
      case 'clearing':
      case 'cleared':
        this.cancel(episode);
        episode.state = 'firing';
        episode.endedAt = undefined;
        break;
      case 'resting':
        this.comeBack(episode);
        break;
    }
    this.endIfSilent(episode);
  }

  private end(episode: Episode): void {
    const { clock } = this.runtime;
    if (episode.state === 'held') this.rest(episode);
    if (episode.state !== 'firing') return;
    episode.state = 'clearing';
    episode.endedAt = clock.date();
    episode.timer = clock.after(this.clearMsOf(episode), () => {
      episode.state = 'cleared';
      if (episode.group !== undefined) this.finish(episode.group);
    });
  }

  /** Nothing will say that it is over, so the time since the last one does. */
  private endIfSilent(episode: Episode): void {
    if (episode.state === 'firing' && alertRules[episode.class].ends === 'by silence') this.end(episode);
  }

  private clearMsOf({ class: kind, relapses }: Episode): number {
    const { clearMs, maxClearMs, cooldownMs } = this.settings;
    return alertRules[kind].ends === 'by silence' ? cooldownMs : Math.min(clearMs * 2 ** relapses, maxClearMs);
  }

  private join(episode: Episode): void {
    if (this.waiting === undefined) {
      const group: Group = { key: undefined, members: [] };
      this.waiting = group;
      this.waitingTimer = this.runtime.clock.after(this.settings.groupMs, () => this.tellGroup(group));
    }
    const group = this.waiting;
    group.members.push(episode);
    episode.group = group;
    if (alertRules[episode.class].told === 'now') this.tellGroup(group);
  }

  /** What is over by now was no trouble that anybody could have looked at; should it come back, it begins anew. */
  private tellGroup(group: Group): void {
    this.waitingTimer?.cancel();
    this.waiting = undefined;
    for (const member of group.members.filter(isOver)) {
      this.cancel(member);
      this.episodes.delete(member.key);
    }
    group.members = group.members.filter((member) => !isOver(member));
    const [first] = group.members;
    if (first === undefined) return;
    group.key = keyOf(first.class, first.name);
    const now = this.runtime.clock.now();
    for (const member of group.members) member.toldAt = now;
    this.settings.tell(group.key, 'firing', this.alertsOf(group, 'firing'));
  }

  /** Says that a group is over, once all of it is. */
  private finish(group: Group): void {
    if (group.key === undefined || group.members.some(({ state }) => state !== 'cleared')) return;
    this.settings.tell(group.key, 'resolved', this.alertsOf(group, 'resolved'));
    for (const member of group.members) this.rest(member);
  }

  /** All of it was told; from now on it is remembered for the cool-down. */
  private rest(episode: Episode): void {
    this.cancel(episode);
    episode.state = 'resting';
    episode.group = undefined;
    const forget = (): void => void this.episodes.delete(episode.key);
    episode.timer = this.runtime.clock.after(this.settings.cooldownMs, forget);
  }

  /** It is wrong again, and told when the cool-down since it was told is over. */
  private comeBack(episode: Episode): void {
    const { clock } = this.runtime;
    this.cancel(episode);
    episode.relapses += 1;
    Object.assign(episode, { state: 'held', startedAt: clock.date(), endedAt: undefined, count: 1 });
    const leftMs = episode.toldAt + this.settings.cooldownMs - clock.now();
    if (leftMs > 0) episode.timer = clock.after(leftMs, () => this.tellAnew(episode));
    else this.tellAnew(episode);
  }

  private tellAnew(episode: Episode): void {
    episode.state = 'firing';
    this.join(episode);
    this.endIfSilent(episode);
  }

  private cancel(episode: Episode): void {
    episode.timer?.cancel();
    episode.timer = undefined;
  }

  /** What is over makes room; what is wrong stays. */
  private hasRoom(): boolean {
    if (this.episodes.size < this.settings.maxAlerts) return true;
    for (const episode of this.episodes.values()) {
      if (episode.state !== 'resting') continue;
      this.cancel(episode);
      return this.episodes.delete(episode.key);
    }
    return false;
  }

  private alertsOf({ members }: Group, status: AlertStatus): Alert[] {
    return members.map((member) => this.alertOf(member, status)).sort((a, b) => rank(a) - rank(b));
  }

  private alertOf(episode: Episode, status: AlertStatus): Alert {
    const { class: kind, name, severity, startedAt, endedAt, count } = episode;
    const subject = safeSubject(name);
    const last =
      episode.errorType === undefined ? this.settings.lastFailure(kind, name, episode.correlationId) : undefined;
    const correlationId = episode.correlationId ?? last?.correlationId;
    return {
      class: kind,
      subject,
      severity,
      status,
      summary: alertRules[kind].summary(subject),
      startedAt,
      endedAt: status === 'resolved' ? endedAt : undefined,
      count,
      lastErrorType: episode.errorType ?? last?.errorType,
      lastCorrelationId: correlationId === undefined ? undefined : safeCorrelationId(correlationId),
    };
  }
}

/** Has an event said that it is over? */
function isOver({ class: kind, state }: Episode): boolean {
  return state !== 'firing' && alertRules[kind].ends === 'by event';
}

const severities: readonly AlertSeverity[] = ['critical', 'error', 'warning'];

function rank({ severity }: Alert): number {
  return severities.indexOf(severity);
}

/** The key as it may be sent: two subjects that must not be shown stay two. */
function keyOf(kind: AlertClass, name: string): string {
  const subject = safeSubject(name);
  return subject === name ? `${kind}:${name}` : `${kind}:${subject}#${fingerprint(name)}`;
}

/** Source: G. Fowler, L. C. Noll, K.-P. Vo, FNV-1a, 32 bits. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}
