import { assertCount, assertPositive, type Defaults, withDefaults } from '../../call/options.js';
import { InvalidResponseError } from '../../errors/upstream-errors.js';
import { classify } from '../../models/classify/classify.js';
import { fetchTransport, type HttpAnswer, type HttpTransport } from '../../models/http-transport.js';
import { endpointUrl } from '../../models/upstream-request.js';
import type { LoadSource } from '../load-sampler.js';

/** Options of `metricsPageLoad()`. */
export interface MetricsPageOptions {
  /** Where the upstream tells of itself: as a rule its host and `/metrics`. */
  readonly url: string;
  /** The number of waiting requests that counts as full load. Default: 16. */
  readonly maxWaiting?: number | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default: the platform's `fetch`. */
  readonly transport?: HttpTransport | undefined;
  /** The largest page that is read, in bytes. Default: 4 MiB. */
  readonly maxBytes?: number | undefined;
}

type Settings = Defaults<MetricsPageOptions, 'maxWaiting' | 'transport' | 'maxBytes'>;

/** The defaults of `metricsPageLoad()`. */
export const metricsPageDefaults: Pick<Settings, 'maxWaiting' | 'maxBytes'> = { maxWaiting: 16, maxBytes: 4 * 2 ** 20 };

/**
 * Gauges of vLLM (0.x and 1.x), SGLang, TGI and llama.cpp, colons as underscores: some exporters cannot write them.
 *
 * Source: each project's own page on its metrics.
 */
const waitingGauges = [
  'vllm_num_requests_waiting',
  'sglang_num_queue_reqs',
  'tgi_queue_size',
  'llamacpp_requests_deferred',
];
const cacheGauges = [
  'vllm_kv_cache_usage_perc',
  'vllm_gpu_cache_usage_perc',
  'sglang_token_usage',
  'llamacpp_kv_cache_usage_ratio',
];

/**
 * The load of a model server, as its own Prometheus page tells it: requests that wait, as a share of `maxWaiting`, or
 * the use of the KV cache, whichever is higher. Knows vLLM, SGLang, TGI and llama.cpp. Of several series those that
 * wait are added up, and the fullest cache counts.
 *
 * @throws RangeError for a bad option. A reading rejects with the ModelError that the answer means.
 */
export function metricsPageLoad(options: MetricsPageOptions): LoadSource {
  const settings: Settings = { url: options.url, transport: fetchTransport, ...metricsPageDefaults };
  const {
    maxWaiting,
    headers = {},
    transport,
    maxBytes,
  } = withDefaults<MetricsPageOptions, Settings>(settings, options);
  const url = endpointUrl(options.url, '');
  assertPositive('maxWaiting', maxWaiting);
  assertCount('maxBytes', maxBytes);
  return {
    name: 'metrics_page',
    async read(signal) {
      const answer = await transport({ method: 'GET', url, headers: { accept: 'text/plain', ...headers }, signal });
      const page = await readPage(answer, maxBytes);
      if (answer.status !== 200) throw classify({ status: answer.status, headers: answer.headers, body: page });
      return loadOf(page, maxWaiting);
    },
  };
}

/** @throws InvalidResponseError for a page that is too large. */
async function readPage({ body }: HttpAnswer, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new InvalidResponseError('The metrics page is too large');
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** @throws InvalidResponseError where the page has none of the gauges. */
function loadOf(page: string, maxWaiting: number): number {
  let waiting: number | undefined;
  let cache: number | undefined;
  for (const line of page.split('\n')) {
    const sample = sampleOf(line);
    if (sample === undefined) continue;
    const { name, value } = sample;
    if (waitingGauges.includes(name)) waiting = (waiting ?? 0) + value;
    else if (cacheGauges.includes(name)) cache = Math.max(cache ?? 0, value);
  }
  if (waiting === undefined && cache === undefined)
    throw new InvalidResponseError('The metrics page has no gauge that tells the load');
  return Math.max((waiting ?? 0) / maxWaiting, cache ?? 0);
}

/** One line of the text format: `name{labels} value [timestamp]`. A label's text may hold anything, braces too. */
const sampleLine = /^([a-z_:][\w:]*)(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?[ \t]+(\S+)/i;

function sampleOf(line: string): { readonly name: string; readonly value: number } | undefined {
  if (!/^(?:vllm|sglang|tgi|llamacpp)/.test(line)) return undefined;
  const [, name, text] = sampleLine.exec(line) ?? [];
  const value = Number(text);
  return name === undefined || !Number.isFinite(value) || value < 0
    ? undefined
    : { name: name.replaceAll(':', '_'), value };
}
