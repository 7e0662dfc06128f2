/** One scenario: what the upstreams do, what a client does, what must come of it. */
import { readChat, request } from './client.mjs';

/**
 * @typedef {string | ({ scene?: string } & Record<string, unknown>)} Upstream a scene, or with settings of its own
 *
 * @typedef {object} Scenario
 * @property {string} id also the name of its model
 * @property {string} title
 * @property {Readonly<Record<string, Upstream>>} upstreams in the order of the chain
 * @property {object} [model] settings of the chain
 * @property {number} [scale] what its own times are multiplied by: 1, or less where timers are scaled
 * @property {StageOptions} [stage] what it needs of a stage of its own; those with the same one share it
 * @property {(play: Play) => Promise<void>} run
 */

/**
 * @typedef {object} StageOptions
 * @property {string} [closeIdle] after how long upstreams close idle connections
 * @property {object} [config] further keys of the gateway's configuration
 * @property {boolean} [alone] nothing else runs meanwhile: for those that measure short times, or need the machine
 */

/** @typedef {Awaited<ReturnType<typeof import('./stage.mjs').openStage>>} Stage */

/** The sixty words that a good upstream says; the client must see them all, once. */
export const sixtyWords =
  'A circuit breaker watches the calls that go to a service and counts how many of them fail. When too many have ' +
  'failed it opens, and further calls are refused at once instead of waiting in vain. After a pause it lets one call ' +
  'through; if that call succeeds the circuit closes, and all traffic flows as it did before.';

/** A scenario while it is played: its client, its counters, and what was wrong. */
export class Play {
  /** @type {string[]} */
  problems = [];
  /** @type {object[]} */
  seen = [];

  /**
   * @param {Scenario} scenario
   * @param {Stage} stage
   * @param {number} slack
   */
  constructor(scenario, stage, slack) {
    this.slack = slack;
    this.id = scenario.id;
    this.scale = scenario.scale ?? 1;
    this.stage = stage;
  }

  /** One chat, whole unless `stream` is given in `body`; noted, and looked through for what must stay inside. */
  async ask(body = {}, { path = '/v1/chat/completions', quiet = false, ...options } = {}) {
    const messages = [{ role: 'user', content: 'What is a circuit breaker?' }];
    const answer = await request(`${this.stage.url}${path}`, {
      body: { model: this.id, messages, ...body },
      ...options,
    });
    const chat = readChat(answer);
    const facts = { ...answer, ...chat, words: chat.text.split(/\s+/).filter(Boolean).length };
    for (const secret of this.stage.secrets) this.check(!answer.body.includes(secret), `the answer holds ${secret}`);
    if (!quiet) this.seen.push(summary(facts));
    return facts;
  }

  stream(body = {}, options = {}) {
    return this.ask({ stream: true, stream_options: { include_usage: true }, ...body }, options);
  }

  /** The requests that an upstream of this scenario was sent. */
  asked(upstream) {
    return this.stage.asked(this.id, upstream);
  }

  /** The name under which an upstream stands in answers. */
  name(upstream) {
    return `${this.id}-${upstream}`;
  }

  check(holds, otherwise) {
    if (!holds) this.problems.push(otherwise);
  }

  equal(what, actual, expected) {
    this.check(actual === expected, `${what} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
  }

  between(what, actual, least, most) {
    this.check(actual >= least && actual <= most, `${what} is ${Math.round(actual)}, not within ${least} and ${most}`);
  }

  /** A time in milliseconds; on a machine that has other work its upper end has some slack. */
  time(what, actual, least, most) {
    this.between(what, actual, least, most * this.slack);
  }

  /** An answer that is whole and good, from this upstream. */
  answered(facts, upstream) {
    this.equal('the status', facts.status, 200);
    this.check(
      facts.text === sixtyWords,
      `the answer has ${facts.words} words, or other words: …${facts.text.slice(-40)}`,
    );
    this.equal('the model', facts.model, this.name(upstream));
    this.equal('the finish reason', facts.finish, 'stop');
    this.check(facts.error === undefined, `an error came with it: ${JSON.stringify(facts.error)}`);
    this.equal('the end', facts.end, 'complete');
    this.equal('the number of ids', facts.ids.length, 1);
  }

  /** How often each upstream was asked. */
  async tries(expected) {
    for (const [upstream, count] of Object.entries(expected)) {
      const { length } = await this.asked(upstream);
      if (typeof count === 'number') this.equal(`the requests to ${upstream}`, length, count);
      else this.between(`the requests to ${upstream}`, length, count[0], count[1]);
    }
  }
}

function summary({ status, words, ms, end, error, done, model, headers }) {
  return {
    status,
    words,
    ms: Math.round(ms),
    end,
    ...(done ? { done } : {}),
    ...(model === undefined ? {} : { model }),
    ...(error === undefined ? {} : { error: error.code ?? error.type, attempts: error.attempts?.length }),
    ...(headers['retry-after'] === undefined ? {} : { retryAfter: headers['retry-after'] }),
  };
}

/**
 * Plays a scenario. Never throws: what goes wrong is a problem like any other.
 *
 * @param {Scenario} scenario
 * @param {Stage} stage
 * @param {number} [slack] what upper limits of times are multiplied by
 */
export async function playScenario(scenario, stage, slack = 1) {
  const play = new Play(scenario, stage, slack);
  const startedAt = performance.now();
  try {
    await scenario.run(play);
  } catch (error) {
    play.problems.push(`it could not be played: ${error?.stack ?? error}`);
  }
  const ms = Math.round(performance.now() - startedAt);
  return {
    id: scenario.id,
    title: scenario.title,
    passed: play.problems.length === 0,
    ms,
    problems: play.problems,
    seen: play.seen,
  };
}
