import type { CallScope } from '../call/call.js';
import { assertCount, assertPositive, badOption, type Defaults, withDefaults } from '../call/options.js';
import { createContext, type RootScope } from '../call/root-scope.js';
import { type Runtime, systemRuntime } from '../call/runtime.js';
import { classify } from './classify/classify.js';
import { assertContentLimits, within } from './content-limits.js';
import { fetchTransport, type HttpAnswer, type HttpTransport, requestFor } from './http-transport.js';
import { ModelStream } from './model-stream.js';
import { ChatStream } from './openai-stream.js';
import { asChunk, chatRequest, choicesAsked, type Json, readCompletion, requestBody } from './openai-wire.js';
import type { ChatRequest, Delta, GenerateOptions, Generation, TextModel } from './text-model.js';
import {
  correlationHeaders,
  endpointUrl,
  isOk,
  readBody,
  requestFailure,
  requestHeaders,
  textOfBody,
} from './upstream-request.js';

/** How long an upstream may keep us waiting. All in milliseconds; `Infinity`: no limit. */
export interface OpenaiTimeouts {
  /** For a connection, where the transport can tell. Default: the transport's own. */
  readonly connectMs?: number | undefined;
  /** From the request to the headers of an answer that is no stream. Default: 60 000. */
  readonly headersMs?: number | undefined;
  /** From the request to the first content of a stream. Default: 10 000; models that think in silence need more. */
  readonly firstContentMs?: number | undefined;
  /** From one content of a stream to the next, and from one piece of any other body to the next. Default: 10 000. */
  readonly gapMs?: number | undefined;
  /** Contents of a stream a second (tokens, as a rule), over 5 seconds. Default: none, however slowly they come. */
  readonly minRate?: number | undefined;
}

/** Options of `openaiModel()`. */
export interface OpenaiModelOptions {
  /** The base URL, as a rule with `/v1` at its end. */
  readonly url: string;
  /** What the upstream calls the model. */
  readonly model: string;
  /** Sent as `Authorization: Bearer …`. */
  readonly key?: string | undefined;
  /** Sent with every request; they win over ours. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default: the platform's `fetch`. */
  readonly transport?: HttpTransport | undefined;
  readonly timeouts?: OpenaiTimeouts | undefined;
  /** Tokens that input and output may have together. Default: unknown. */
  readonly contextLength?: number | undefined;
  /** The largest body that is read of an answer that is no stream, in bytes. Default: 32 MiB. */
  readonly maxBodyBytes?: number | undefined;
}

type Timeouts = Defaults<OpenaiTimeouts, 'headersMs' | 'firstContentMs' | 'gapMs'>;

/** The default timeouts of `openaiModel()`. */
export const openaiTimeoutDefaults: Timeouts = { headersMs: 60_000, firstContentMs: 10_000, gapMs: 10_000 };
/** The other defaults of `openaiModel()`. */
export const openaiModelDefaults = { maxBodyBytes: 32 * 2 ** 20 };

/** A model behind an OpenAI-compatible API. */
export interface OpenaiModel extends TextModel {
  generate(input: string | ChatRequest, options?: GenerateOptions): Promise<Generation>;
  stream(input: string | ChatRequest, options?: GenerateOptions): AsyncIterableIterator<Delta, void, undefined>;
}

/**
 * A model behind an OpenAI-compatible API: `POST {url}/chat/completions`, as a whole or as a stream.
 *
 * One request a call: retries and fallbacks are somebody else's. Every failure is the ModelError that it means; a
 * caller's abort ends the request at once and passes through as it is. A stream starts with its first content, so that
 * whatever fails before it fails before the first delta. Hosts, ports and keys are in no message and no details.
 *
 * @throws RangeError for a bad option.
 */
export function openaiModel(options: OpenaiModelOptions, runtime: Runtime = systemRuntime): OpenaiModel {
  return openaiTextModel(options, chat, runtime);
}

/** Where a request goes, and how its body is made of what was asked. */
export interface OpenaiDialect {
  readonly path: string;
  readonly request: (input: string | ChatRequest) => Json;
  /** How many answers are asked for; each finishes by itself. */
  readonly choices: (input: string | ChatRequest) => number;
}

const chat: OpenaiDialect = { path: '/chat/completions', request: chatRequest, choices: choicesAsked };

/** `openaiModel`, for chat and its older sister alike. */
export function openaiTextModel(options: OpenaiModelOptions, dialect: OpenaiDialect, runtime: Runtime): OpenaiModel {
  const { model, transport = fetchTransport, contextLength } = options;
  const { maxBodyBytes } = withDefaults(openaiModelDefaults, { maxBodyBytes: options.maxBodyBytes });
  const timeouts = withDefaults(openaiTimeoutDefaults, options.timeouts ?? {});
  assertOptions(options, timeouts, maxBodyBytes);
  const url = endpointUrl(options.url, dialect.path);
  const headers = requestHeaders(options);

  function send(
    accept: string,
    body: string,
    { correlationId }: GenerateOptions,
    call: CallScope,
  ): Promise<HttpAnswer> {
    const forwarded = correlationHeaders(correlationId);
    const { connectMs } = timeouts;
    const content = { method: 'POST', url, headers: { accept, ...headers, ...forwarded }, body, connectMs } as const;
    return transport(requestFor(transport, content, call));
  }

  async function open(input: string | ChatRequest, callOptions: GenerateOptions, call: CallScope) {
    const body = requestBody(model, dialect.request(input), callOptions, 'stream');
    const answer = await send('text/event-stream', body, callOptions, call);
    if (isOk(answer) && !isWhole(answer)) return new ChatStream(answer, dialect.choices(input), call);
    const whole = wholeDelta(await generation(answer, call));
    return (async function* () {
      yield whole;
    })();
  }

  async function generation(answer: HttpAnswer, call: CallScope): Promise<Generation> {
    const body = textOfBody(await readBody(answer, { maxBodyBytes, gapMs: timeouts.gapMs }, call));
    const read = isOk(answer) ? readCompletion(body) : undefined;
    if (read === undefined) throw classify({ status: answer.status, headers: answer.headers, body });
    return read;
  }

  return {
    contextLength,
    takes: 'context',
    async generate(input, callOptions = {}) {
      const call = callOf(callOptions, runtime);
      try {
        if (call.aborted) throw call.reason;
        const body = requestBody(model, dialect.request(input), callOptions, 'whole');
        const request = send('application/json', body, callOptions, call);
        return await generation(await within({ phase: 'headers', ms: timeouts.headersMs }, request, call), call);
      } catch (error) {
        throw requestFailure(error, call);
      } finally {
        call.release();
      }
    },
    stream(input, callOptions = {}) {
      const call = callOf(callOptions, runtime);
      const opening = () => open(input, callOptions, call);
      return new ModelStream({ open: opening, limits: timeouts, failure: requestFailure }, call);
    },
  };
}

/** What the call is aborted with. */
function callOf({ signal, context }: GenerateOptions, runtime: Runtime): RootScope {
  return createContext({ signal, context }, runtime);
}

function wholeDelta({ raw, ...generation }: Generation): Delta {
  return {
    ...generation,
    finishReason: generation.finishReason ?? 'stop',
    raw: raw === undefined ? raw : asChunk(raw),
  };
}

/** Some services answer a request for a stream with the whole, and errors or pages with 200. */
function isWhole({ headers }: HttpAnswer): boolean {
  return /^\s*(?:application\/json|text\/html)\b/i.test(headers['content-type'] ?? '');
}

function assertOptions({ model, contextLength }: OpenaiModelOptions, timeouts: Timeouts, maxBodyBytes: number): void {
  if (typeof model !== 'string' || model === '') throw badOption('model', 'must be a name', model);
  if (contextLength !== undefined) assertCount('contextLength', contextLength);
  assertCount('maxBodyBytes', maxBodyBytes);
  assertPositive('headersMs', timeouts.headersMs);
  assertContentLimits(timeouts);
  if (timeouts.connectMs !== undefined) assertPositive('connectMs', timeouts.connectMs);
}
