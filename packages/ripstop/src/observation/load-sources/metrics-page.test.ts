import { expect, test } from 'vitest';
import type { HttpTransport } from '../../models/http-transport.js';
import { scriptedUpstream } from '../../testing/scripted-upstream.js';
import { metricsPageLoad } from './metrics-page.js';

function paging(page: string | Uint8Array, status = 200): HttpTransport {
  const bytes = typeof page === 'string' ? new TextEncoder().encode(page) : page;
  return () =>
    Promise.resolve({
      status,
      headers: {},
      body: (async function* () {
        await Promise.resolve();
        for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
      })(),
    });
}

async function load(page: string, maxWaiting = 16): Promise<number | undefined> {
  const source = metricsPageLoad({ url: 'http://127.0.0.1/metrics', maxWaiting, transport: paging(page) });
  return await source.read(new AbortController().signal);
}

const vllm = `# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_running{engine="0",model_name="a/b"} 12.0
vllm:num_requests_waiting{engine="0",model_name="a/b"} 3.0
vllm:num_requests_waiting{engine="1",model_name="a/b"} 1.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 99.0
vllm:kv_cache_usage_perc{engine="0",model_name="a \\"quoted\\" {name}"} 0.1
vllm:kv_cache_usage_perc{engine="1",model_name="a/b"} 0.87
`;

test('D94: of vLLM the fullest cache counts, or the requests that wait, added up over its engines', async () => {
  expect(await load(vllm)).toBe(0.87);
  expect(await load(vllm, 4)).toBe(1);
  expect(await load(vllm, 2)).toBe(2);
  expect(await load('vllm:gpu_cache_usage_perc{model_name="old"} 0.5\n')).toBe(0.5);
});

test('D94: SGLang, TGI and llama.cpp are understood too, with colons or underscores', async () => {
  expect(await load('sglang:num_queue_reqs{model_name="m"} 4\nsglang:token_usage{model_name="m"} 0.52\n')).toBe(0.52);
  expect(await load('sglang_num_queue_reqs 12\r\n')).toBe(0.75);
  expect(await load('tgi_queue_size 8\ntgi_batch_current_size 3\n')).toBe(0.5);
  expect(await load('llamacpp:requests_deferred 2\nllamacpp:kv_cache_usage_ratio 0.25 1700000000000\n')).toBe(0.25);
});

test('D93: a value that is no number does not count', async () => {
  expect(await load('vllm:kv_cache_usage_perc NaN\nvllm:num_requests_waiting 4\n')).toBe(0.25);
});

test('a page without any such gauge, too large, or with an error status is a failure', async () => {
  const read = (transport: HttpTransport): Promise<unknown> =>
    Promise.resolve(
      metricsPageLoad({ url: 'http://127.0.0.1/metrics', transport, maxBytes: 64 }).read(new AbortController().signal),
    );
  await expect(read(paging('process_cpu_seconds_total 3\n'))).rejects.toMatchObject({ errorType: 'invalid_response' });
  await expect(read(paging('x'.repeat(65)))).rejects.toMatchObject({ message: 'The metrics page is too large' });
  await expect(read(paging('no', 503))).rejects.toMatchObject({ errorType: 'upstream_unavailable' });
});

test('a page on the wire is read, with the headers that were given, and given up when the signal aborts', async () => {
  await using upstream = await scriptedUpstream([{ kind: 'text', body: vllm }, { kind: 'hang' }]);
  const source = metricsPageLoad({ url: `http://127.0.0.1:${upstream.port}/metrics`, headers: { 'x-a': 'b' } });
  expect(await source.read(new AbortController().signal)).toBe(0.87);
  expect(upstream.requests[0]).toMatchObject({ method: 'GET', path: '/metrics', headers: { 'x-a': 'b' } });
  const controller = new AbortController();
  const reading = source.read(controller.signal);
  const request = await upstream.request(1);
  controller.abort(new Error('too late'));
  await expect(reading).rejects.toThrow('too late');
  await request.over;
  expect(request.aborted).toBe(true);
});

test('a bad option is refused', () => {
  expect(() => metricsPageLoad({ url: 'file:///x' })).toThrow(RangeError);
  expect(() => metricsPageLoad({ url: 'http://me:secret@127.0.0.1/metrics' })).toThrow(
    new RangeError('url must not hold a user or a password; use key'),
  );
  expect(() => metricsPageLoad({ url: 'http://127.0.0.1/', maxWaiting: 0 })).toThrow(RangeError);
});
