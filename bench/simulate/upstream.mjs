/**
 * A model service: so many requests at a time, a bounded queue, first come first served.
 *
 * What it has accepted it does, whether or not anybody still waits for the answer, as most services behind a balancer
 * do and all that bill. Who leaves gets no answer, and frees nothing.
 */
import { ModelOverloadedError, QuotaExceededError, UpstreamUnavailableError } from 'ripstop/errors';
import { chanceOf, logNormal } from './chance.mjs';

export class Upstream {
  /** What became of requests, and the most that were there at once. `wasted` is a part of `served`. */
  counts = { received: 0, served: 0, failed: 0, rejected: 0, wasted: 0, most: 0 };
  #clock;
  #seed;
  #plan;
  #quotaLeft;
  #queue = [];
  #running = new Set();
  #heard;

  /** `heard(kind)` is told of every request. */
  constructor(scenario, { clock, seed, heard = () => undefined }) {
    this.#clock = clock;
    this.#seed = seed;
    this.#plan = planOf(scenario);
    this.#quotaLeft = scenario.quota ?? Number.POSITIVE_INFINITY;
    this.#heard = heard;
    for (const at of this.#plan.changes) clock.after(at, () => this.#changed());
  }

  /** Attempt number `attempt` of caller number `caller`. Rejects with the signal's reason when it aborts. */
  call(caller, attempt, signal) {
    return new Promise((resolve, reject) => {
      const leave = () => {
        request.abandoned = true;
        reject(signal.reason);
      };
      const settle = (action) => {
        signal.removeEventListener('abort', leave);
        action();
      };
      const request = {
        abandoned: false,
        chance: chanceOf(this.#seed, 2, caller, attempt),
        answer: () => settle(resolve),
        refuse: (error) => settle(() => reject(error)),
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave);
      this.#receive(request);
    });
  }

  #receive(request) {
    const { down, failureRatio, queue } = this.#plan.at(this.#clock.now());
    this.counts.received += 1;
    this.#heard();
    // Drawn first and always, so that an attempt has the same luck whatever is going on.
    const failed = request.chance() < failureRatio;
    request.serviceMs = logNormal(request.chance, this.#plan.serviceMs);
    if (down) return this.#refuse(request, 'failed', new UpstreamUnavailableError());
    if (this.#quotaLeft <= 0) return this.#refuse(request, 'rejected', new QuotaExceededError());
    if (failed) return this.#refuse(request, 'failed', new UpstreamUnavailableError());
    if (this.#queue.length >= queue) return this.#refuse(request, 'rejected', new ModelOverloadedError());
    this.#quotaLeft -= 1;
    this.#queue.push(request);
    this.#start();
    this.counts.most = Math.max(this.counts.most, this.#queue.length + this.#running.size);
  }

  #refuse(request, kind, error) {
    this.counts[kind] += 1;
    this.#clock.after(this.#plan.networkMs, () => request.refuse(error));
  }

  #start() {
    const { slots, slowness } = this.#plan.at(this.#clock.now());
    while (this.#running.size < slots && this.#queue.length > 0) {
      const request = this.#queue.shift();
      this.#running.add(request);
      request.timer = this.#clock.after(request.serviceMs * slowness, () => {
        this.#running.delete(request);
        this.counts.served += 1;
        if (request.abandoned) this.counts.wasted += 1;
        this.#start();
        this.#clock.after(this.#plan.networkMs, request.answer);
      });
    }
  }

  /** Replicas went or came. */
  #changed() {
    if (!this.#plan.at(this.#clock.now()).down) return this.#start();
    for (const request of [...this.#running, ...this.#queue]) {
      request.timer?.cancel();
      this.#refuse(request, 'failed', new UpstreamUnavailableError());
    }
    this.#running.clear();
    this.#queue = [];
  }
}

/** How the upstream is at any time, and when that changes. */
function planOf({ upstream, trouble, warmUp }) {
  const healthy = { ...upstream, down: false, slowness: 1 };
  const stages = [{ at: 0, state: healthy }];
  if (trouble !== undefined) {
    stages.push({ at: trouble.fromMs, state: { ...healthy, ...trouble } });
    const from = warmUp?.slots ?? healthy.slots;
    for (let slots = from; slots <= healthy.slots; slots += 1) {
      const share = healthy.slots === from ? 0 : (slots - from) / (healthy.slots - from);
      stages.push({ at: trouble.untilMs + share * (warmUp?.ms ?? 0), state: { ...healthy, slots } });
    }
  }
  return {
    ...upstream,
    changes: stages.slice(1).map(({ at }) => at),
    at: (now) => stages.findLast(({ at }) => at <= now).state,
  };
}
