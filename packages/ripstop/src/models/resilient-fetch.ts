import type { CallContext } from '../call/call.js';
import { check, type Defaults, positive, withDefaults } from '../call/options.js';
import { createContext } from '../call/root-scope.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { ModelError } from '../errors/model-error.js';
import { InvalidResponseError, UpstreamUnavailableError } from '../errors/upstream-errors.js';
import { bulkhead } from '../policies/bulkhead.js';
import { circuitBreaker } from '../policies/circuit-breaker.js';
import { keyed } from '../policies/keyed.js';
import { type Policy, type PolicyOf, pipeline, policy } from '../policies/policy.js';
import { retry, retryBudget } from '../policies/retry.js';
import { classify } from './classify/classify.js';
import { networkVerdict } from './classify/network.js';
import { readThrown } from './classify/thrown.js';
import { within } from './content-limits.js';
import { EventAnswer } from './event-answer.js';
import { asEvents, isOfType, openWhole, streamed } from './fetch-body.js';
import {
  answerFor,
  ApiCallError,
  type Caller,
  callerOf,
  type FailedAnswer,
  looksRetryable,
  readFailure,
} from './fetch-failure.js';

/** How long `resilientFetch()` waits. All in milliseconds; `Infinity`: no limit. */
export interface FetchTimeouts {
  /** Until the answer begins: retries and waits included, headers for a whole answer, first content for a stream. Default: 300 000. */
  readonly totalMs?: number | undefined;
  /** From one request to the headers of its answer. Default: 120 000. */
  readonly headersMs?: number | undefined;
  /** From the headers of a stream to its first content. Default: 60 000. */
  readonly firstContentMs?: number | undefined;
  /** From one piece of an answer to the next; comments of a stream are none. Default: 60 000. */
  readonly gapMs?: number | undefined;
}

/** Options of `resilientFetch()`. */
export interface ResilientFetchOptions {
  /**
   * What stands around each request until its answer begins. Default: retry with a budget, bulkhead and breaker, as in
   * the default pipeline, for each origin and path.
   */
  readonly policy?: PolicyOf<Response> | undefined;
  /** What sends one request. Default: the platform's `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly timeouts?: FetchTimeouts | undefined;
}

/** The default timeouts of `resilientFetch()`. */
export const fetchTimeoutDefaults: Defaults<FetchTimeouts> = {
  totalMs: 300_000,
  headersMs: 120_000,
  firstContentMs: 60_000,
  gapMs: 60_000,
};

type Timeouts = typeof fetchTimeoutDefaults;

/**
 * A `fetch` for SDKs that makes their requests resilient, and is the only one to repeat them.
 *
 * An answer below 400 streams through untouched. Any other is classified, retried if that helps, and comes back as the
 * answer that it is, with `x-should-retry: false` and its message where SDKs look for it. A stream of events is an
 * answer from its first content on: what fails before it is retried too, and what breaks off later ends in an event on
 * which SDKs throw. Where there is no answer to give, `openai`, Anthropic's SDK and the AI SDK, which say who they are,
 * get one that they understand; everybody else gets the ModelError thrown. A caller's abort passes through as it is.
 *
 * @throws RangeError for a bad option.
 */
export function resilientFetch(
  options: ResilientFetchOptions = {},
  runtime: Runtime = systemRuntime,
): typeof globalThis.fetch {
  const timeouts = withDefaults(fetchTimeoutDefaults, options.timeouts ?? {});
  check(timeouts, { totalMs: positive, headersMs: positive, firstContentMs: positive, gapMs: positive });
  const { outer, inner } =
    options.policy === undefined ? defaultPolicies(runtime) : { outer: options.policy, inner: none };

  return async (input, init) => {
    const request = new FetchRequest(input, init, options.fetch ?? globalThis.fetch, timeouts, runtime);
    try {
      return await outer.execute(
        async (context) => {
          const answer = await inner.run((attempt) => request.send(attempt), context);
          return answer instanceof EventAnswer ? streamed(answer) : answer;
        },
        { signal: request.signal, deadlineMs: timeouts.totalMs, key: request.key, input: [request.body] },
      );
    } catch (error) {
      return await request.failed(error);
    } finally {
      request.over();
    }
  };
}

const none: Policy = policy('none', (next, context) => next(context));

/** The default pipeline, per key. The breaker stands apart, since it judges a stream by its end. */
function defaultPolicies(runtime: Runtime): { readonly outer: Policy; readonly inner: Policy } {
  const outer = keyed(
    (key) =>
      pipeline(
        retry({ attempts: 6, budget: retryBudget({}, runtime) }, runtime),
        bulkhead({ name: nameOf(key), limit: 100, maxQueue: 1_000, maxWaitMs: 30_000 }, runtime),
      ),
    {},
    runtime,
  );
  const inner = keyed(
    (key) =>
      circuitBreaker(
        {
          name: nameOf(key),
          consecutive: 10,
          cooldownMs: 2_000,
          maxCooldownMs: 5_000,
          quotaCooldownMs: 60_000,
        },
        runtime,
      ),
    {},
    runtime,
  );
  return { outer, inner };
}

/** Names stand in errors, where no host belongs. */
function nameOf(key: string): string {
  return URL.canParse(key) ? new URL(key).pathname : key;
}

const pageForAnswer = 'The model service answered with a web page';

type Input = Parameters<typeof globalThis.fetch>[0];

/** One request of a caller's, sent as often as the policies want. */
class FetchRequest {
  readonly signal: AbortSignal | undefined;
  readonly body: unknown;
  private readonly input: Input;
  private readonly init: RequestInit | undefined;
  private readonly fetch: typeof globalThis.fetch;
  private readonly timeouts: Timeouts;
  private readonly runtime: Runtime;
  private readonly failures: FailedAnswer[] = [];

  constructor(
    input: Input,
    init: RequestInit | undefined,
    fetch: typeof globalThis.fetch,
    timeouts: Timeouts,
    runtime: Runtime,
  ) {
    this.input = input;
    this.init = init;
    this.fetch = fetch;
    this.timeouts = timeouts;
    this.runtime = runtime;
    this.signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
    this.body = init?.body;
  }

  get key(): string | undefined {
    if (!URL.canParse(this.url)) return undefined;
    const { origin, pathname } = new URL(this.url);
    return origin + pathname;
  }

  /** One attempt. @throws ModelError, what a caller's abort says, or what says that the request itself is wrong. */
  async send(attempt: CallContext): Promise<Response | EventAnswer> {
    for (const failure of this.failures) failure.discard();
    const { headersMs, gapMs } = this.timeouts;
    // Of its own, since the answer outlives the attempt.
    const scope = createContext({ signal: this.signal }, this.runtime);
    const unlink = attempt.onAbort((reason) => scope.abort(reason));
    try {
      const request = this.fetch(this.fresh(), { ...this.init, signal: scope.signal });
      const response = await within({ phase: 'headers', ms: headersMs }, request, scope);
      const { status, body } = response;
      if (status >= 400) throw this.noted(await readFailure(response, gapMs, scope));
      if (body !== null && isOfType(response, 'text/event-stream')) {
        return await new EventAnswer(response, body, this.timeouts, scope).open();
      }
      if (this.missesAnswer(response)) throw new InvalidResponseError(pageForAnswer);
      const whole = await openWhole(response, gapMs, scope);
      return this.missesStream(response) ? await asEvents(whole) : whole;
    } catch (error) {
      const failure = scope.aborted ? scope.reason : meaning(error);
      if (!this.isAnswered(failure)) {
        scope.abort(failure);
        scope.release();
      }
      throw failure;
    } finally {
      unlink();
    }
  }

  /** What the caller gets in place of an answer below 400. */
  async failed(error: unknown): Promise<Response> {
    if (this.signal?.aborted || !ModelError.isInstance(error)) throw error;
    const { caller } = this;
    const answer = this.failures.find((failure) => failure.error === error);
    if (answer === undefined && caller === 'other') throw error;
    const response = answer?.asResponse(caller) ?? answerFor(error);
    if (caller !== 'ai-sdk' || !looksRetryable(response.status)) return response;
    throw new ApiCallError(response, this.url, await response.text());
  }

  /** A `Request` was sent as copies; what is kept of its body is let go. */
  over(): void {
    if (this.input instanceof Request && this.input.body !== null && !this.input.bodyUsed) {
      this.input.body.cancel().catch(() => undefined);
    }
  }

  private get caller(): Caller {
    return callerOf(this.headers);
  }

  /** What a proxy says with status 200 is no answer to an SDK's question. A file that it fetches may be a page. */
  private missesAnswer(response: Response): boolean {
    return this.init?.method === 'POST' && isOfType(response, 'text/html') && this.caller !== 'other';
  }

  /** An SDK that asked for a stream finds nothing in an answer that is none. */
  private missesStream(response: Response): boolean {
    if (typeof this.body !== 'string' || !isOfType(response, 'application/json')) return false;
    return /"stream"\s*:\s*true/.test(this.body) && this.caller !== 'other';
  }

  private get url(): string {
    return this.input instanceof Request ? this.input.url : String(this.input);
  }

  private get headers(): Headers {
    return new Headers(this.init?.headers ?? (this.input instanceof Request ? this.input.headers : undefined));
  }

  private fresh(): Input {
    return this.input instanceof Request && this.input.body !== null ? this.input.clone() : this.input;
  }

  private noted(failure: FailedAnswer): ModelError {
    this.failures.push(failure);
    return failure.error;
  }

  private isAnswered(error: unknown): boolean {
    return this.failures.some((failure) => failure.error === error);
  }
}

/** A request that is wrong in itself, and a bug, are thrown as they are: nobody should repeat or translate them. */
function meaning(error: unknown): unknown {
  if (ModelError.isInstance(error)) return error;
  const verdict = networkVerdict(readThrown(error).chain);
  if (verdict?.type === 'invalid_input' || (verdict === undefined && error instanceof TypeError)) return error;
  // Not the caller's abort, which is told by his signal.
  return verdict?.type === 'cancelled'
    ? new UpstreamUnavailableError(undefined, { cause: error })
    : classify({ error });
}
