/**
 * A model service: so many requests at a time, a bounded queue, first come first served.
 *
 * What it has accepted it does, whether or not anybody still waits for the answer, as services behind a balancer and
 * those that bill do. Who leaves gets no answer, and frees nothing.
 */
import { ModelOverloadedError, QuotaExceededError, UpstreamUnavailableError } from 'ripstop/errors';
import { chanceOf, logNormal } from './chance.mjs';

export class Upstream {
  /** What became of requests, and the most that were there at once. `wasted`: served for nobody, a part of `served`. */
  counts = { received: 0, served: 0, failed: 0, rejected: 0, wasted: 0, most: 0 };
  #clock;
  #seed;
  #serviceMs;
  #networkMs;
  #state;
  #quotaLeft;
  #queue = [];
  #running = new Set();
  #heard;

  /** `heard()` is called for every request. */
  constructor(scenario, { clock, seed, heard = () => undefined }) {
    const { upstream, quota = Number.POSITIVE_INFINITY } = scenario;
    this.#clock = clock;
    this.#seed = seed;
    this.#serviceMs = upstream.serviceMs;
    this.#networkMs = upstream.networkMs;
    this.#quotaLeft = quota;
    this.#heard = heard;
    const [first, ...later] = stagesOf(scenario);
    this.#state = first.state;
    for (const { at, state } of later) clock.after(at, () => this.#become(state));
  }

  /** Attempt number `attempt` of caller number `caller`. Rejects with the signal's reason when that aborts. */
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
    const { down, failureRatio, queue } = this.#state;
    this.counts.received += 1;
    this.#heard();
    // Drawn first and always, so that an attempt has the same luck whatever is going on.
    const failed = request.chance() < failureRatio;
    request.serviceMs = logNormal(request.chance, this.#serviceMs);
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
    this.#clock.after(this.#networkMs, () => request.refuse(error));
  }

  #start() {
    const { slots, slowness } = this.#state;
    while (this.#running.size < slots && this.#queue.length > 0) {
      const request = this.#queue.shift();
      this.#running.add(request);
      request.timer = this.#clock.after(request.serviceMs * slowness, () => this.#finish(request));
    }
  }

  #finish(request) {
    this.#running.delete(request);
    this.counts.served += 1;
    this.#start();
    this.#clock.after(this.#networkMs, () => {
      if (request.abandoned) this.counts.wasted += 1;
      else request.answer();
    });
  }

  #become(state) {
    this.#state = state;
    if (!state.down) return this.#start();
    for (const request of [...this.#running, ...this.#queue]) {
      request.timer?.cancel();
      this.#refuse(request, 'failed', new UpstreamUnavailableError());
    }
    this.#running.clear();
    this.#queue = [];
  }
}

/** How the upstream is, and from when on, in milliseconds. After trouble replicas may come back one by one. */
function stagesOf({ upstream, trouble, warmUp }) {
  const healthy = { ...upstream, down: false, slowness: 1 };
  const stages = [{ at: 0, state: healthy }];
  if (trouble === undefined) return stages;
  stages.push({ at: trouble.fromMs, state: { ...healthy, ...trouble } });
  const { ms, slots: first } = warmUp ?? { ms: 0, slots: healthy.slots };
  for (let slots = first; slots <= healthy.slots; slots += 1) {
    const share = ms === 0 ? 0 : (slots - first) / (healthy.slots - first);
    stages.push({ at: trouble.untilMs + share * ms, state: { ...healthy, slots } });
  }
  return stages;
}
