import { assertCount, assertPositive, type Defaults, withDefaults } from '../call/options.js';
import { createContext } from '../call/root-scope.js';
import type { Runtime } from '../call/runtime.js';
import type { ModelError } from '../errors/model-error.js';
import { classify } from './classify/classify.js';
import { within } from './content-limits.js';
import { fetchTransport, type HttpTransport } from './http-transport.js';
import {
  correlationHeaders,
  endpointUrl,
  isOk,
  readBody,
  requestFailure,
  requestHeaders,
  textOfBody,
} from './upstream-request.js';

/** How long an upstream may keep us waiting for a whole answer. All in milliseconds; `Infinity`: no limit. */
export interface EndpointTimeouts {
  /** For a connection, where the transport can tell. Default: the transport's own. */
  readonly connectMs?: number | undefined;
  /** From the request to the headers. Default: 60 000; for images 120 000. */
  readonly headersMs?: number | undefined;
  /** From one piece of the body to the next. Default: 10 000. */
  readonly gapMs?: number | undefined;
}

/** What every endpoint of a model service needs. */
export interface EndpointOptions {
  /** The base URL, to which the endpoint's path is added. */
  readonly url: string;
  /** Sent as `Authorization: Bearer …`. */
  readonly key?: string | undefined;
  /** Sent with every request; they win over ours. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default: the platform's `fetch`. */
  readonly transport?: HttpTransport | undefined;
  readonly timeouts?: EndpointTimeouts | undefined;
  /** The largest answer that is read, in bytes. Default: 32 MiB. */
  readonly maxBodyBytes?: number | undefined;
}

/** The defaults of an endpoint's timeouts. */
export const endpointTimeoutDefaults: Defaults<EndpointTimeouts, 'headersMs' | 'gapMs'> = {
  headersMs: 60_000,
  gapMs: 10_000,
};
const maxBodyDefault = 32 * 2 ** 20;
/** Headers come when the picture is finished. */
const imageHeadersMs = 120_000;

export function imageTimeouts<O extends EndpointOptions>(options: O): O {
  const { headersMs = imageHeadersMs } = options.timeouts ?? {};
  return { ...options, timeouts: { ...options.timeouts, headersMs } };
}

/** What belongs to one request. */
export interface EndpointCall {
  readonly accept: string;
  readonly signal?: AbortSignal | undefined;
  readonly correlationId?: string | undefined;
}

/** A success, with all of its body. */
export interface EndpointAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
  /** The error that the answer means where its body is not what was asked for. */
  meaning(): ModelError;
}

/** Sends one request once and reads its answer. Fails with the ModelError that it means, or the caller's own reason. */
export type Endpoint = (body: object, call: EndpointCall) => Promise<EndpointAnswer>;

/** @throws RangeError for a bad option. */
export function endpoint(options: EndpointOptions, path: string, runtime: Runtime): Endpoint {
  const { transport = fetchTransport, maxBodyBytes = maxBodyDefault } = options;
  const { connectMs, headersMs, gapMs } = withDefaults<EndpointTimeouts, typeof endpointTimeoutDefaults>(
    endpointTimeoutDefaults,
    options.timeouts ?? {},
  );
  if (connectMs !== undefined) assertPositive('connectMs', connectMs);
  assertPositive('headersMs', headersMs);
  assertPositive('gapMs', gapMs);
  assertCount('maxBodyBytes', maxBodyBytes);
  const url = endpointUrl(options.url, path);
  const ours = requestHeaders(options);

  return async (body, { accept, signal: caller, correlationId }) => {
    const call = createContext({ signal: caller }, runtime);
    try {
      if (call.aborted) throw call.reason;
      const headers = { accept, ...ours, ...correlationHeaders(correlationId) };
      const { signal } = call;
      const request = transport({ method: 'POST', url, headers, body: JSON.stringify(body), signal, connectMs });
      const answer = await within({ phase: 'headers', ms: headersMs }, request, call);
      const bytes = await readBody(answer, { maxBodyBytes, gapMs }, call);
      const meaning = (): ModelError => classify({ ...answer, body: textOfBody(bytes.subarray(0, 2 ** 16)) });
      if (!isOk(answer)) throw meaning();
      return { headers: answer.headers, bytes, meaning };
    } catch (error) {
      throw requestFailure(error, call);
    } finally {
      call.release();
    }
  };
}
