import { type Defaults, withDefaults } from '../../call/options.js';
import { createContext } from '../../call/root-scope.js';
import { type Runtime, systemRuntime } from '../../call/runtime.js';
import { errorTypes } from '../../errors/error-table.js';
import { ModelError } from '../../errors/model-error.js';
import { classify } from '../../models/classify/classify.js';
import { fetchTransport, type HttpTransport } from '../../models/http-transport.js';
import {
  endpointUrl,
  isOk,
  readBody,
  requestFailure,
  requestHeaders,
  textOfBody,
} from '../../models/upstream-request.js';
import type { HealthCheck } from '../health-check.js';

/** Options of `upstreamCheck()`. */
export interface UpstreamCheckOptions {
  /** The base URL, to which `/models` is added. */
  readonly url: string;
  /** Sent as `Authorization: Bearer …`. */
  readonly key?: string | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Fails where the list does not name this model. Default: any list will do. */
  readonly model?: string | undefined;
  /** Default: the platform's `fetch`. */
  readonly transport?: HttpTransport | undefined;
  /** The largest list that is read, in bytes. Default: 4 MiB. */
  readonly maxBodyBytes?: number | undefined;
}

type Settings = Defaults<UpstreamCheckOptions, 'transport' | 'maxBodyBytes'>;

/** The defaults of `upstreamCheck()`. */
export const upstreamCheckDefaults: Pick<Settings, 'maxBodyBytes'> = { maxBodyBytes: 4 * 2 ** 20 };

/**
 * Does a model service answer, and take our key? Asks for `GET /models`, which nobody bills. A service that answers but
 * has no such list (404, 405, 501) works as far as can be told without paying. Never tells a URL or a key.
 *
 * @throws RangeError for a bad option.
 */
export function upstreamCheck(options: UpstreamCheckOptions, runtime: Runtime = systemRuntime): HealthCheck {
  const defaults: Settings = { url: options.url, transport: fetchTransport, ...upstreamCheckDefaults };
  const { model, transport, maxBodyBytes } = withDefaults<UpstreamCheckOptions, Settings>(defaults, options);
  const url = endpointUrl(options.url, '/models');
  const headers = { accept: 'application/json', ...requestHeaders(options) };
  return async ({ signal }) => {
    const call = createContext({ signal }, runtime);
    try {
      const answer = await transport({ method: 'GET', url, headers, signal });
      const bytes = await readBody(answer, { maxBodyBytes, gapMs: Number.POSITIVE_INFINITY }, call);
      return told({ ...answer, text: textOfBody(bytes), ok: isOk(answer) }, model);
    } catch (error) {
      return unhealthy(requestFailure(error, call));
    }
  };
}

interface Read {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

function told({ status, ok, headers, text }: Read, model: string | undefined): Record<string, unknown> {
  if (status === 404 || status === 405 || status === 501) return { healthy: true, http_status: status, listed: null };
  if (!ok) return { ...unhealthy(classify({ status, headers, body: text })), http_status: status };
  if (model === undefined) return { healthy: true, http_status: status };
  const listed = names(text).includes(model);
  return { healthy: listed, http_status: status, listed, ...(!listed && { reason: 'The model is not in the list' }) };
}

/** `{ data: [{ id }] }`, as OpenAI has it; a bare list of the same, as some servers do. */
function names(text: string): readonly unknown[] {
  try {
    const body: unknown = JSON.parse(text);
    const list = Array.isArray(body) ? body : (body as { readonly data?: unknown } | null)?.data;
    return Array.isArray(list) ? list.map((item: unknown) => (item as { readonly id?: unknown } | null)?.id) : [];
  } catch {
    // No JSON names no model.
    return [];
  }
}

/** In our own words: a service may repeat our key in its own. */
function unhealthy(error: unknown): Record<string, unknown> {
  if (!ModelError.isInstance(error)) throw error;
  return { healthy: false, error_type: error.errorType, reason: errorTypes[error.errorType].sentence };
}
