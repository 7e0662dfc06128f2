/** Upstreams that play scenes of all endpoints, and a gateway over them. */
import OpenAI from 'openai';
import { type ScriptedUpstream, scriptedUpstream, type UpstreamScene } from 'ripstop/testing';
import { type RunningGateway, startGateway } from './harness.js';

export const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
export const painted: UpstreamScene = { kind: 'json', body: { created: 1, data: [{ b64_json: png }] } };
export const down: UpstreamScene = { kind: 'json', status: 503, body: { error: { message: 'down for maintenance' } } };
export const outOfMemory: UpstreamScene = {
  kind: 'json',
  status: 507,
  body: { error: { message: 'CUDA out of memory' } },
};
export const said = (text: string, finish_reason: string | null = null) => ({
  id: 'cmpl-up',
  object: 'text_completion',
  created: 1,
  model: 'gpt-hidden',
  choices: [{ index: 0, text, logprobs: null, finish_reason }],
});
export const completed: UpstreamScene = {
  kind: 'json',
  body: { ...said(' upon a time', 'stop'), usage: { prompt_tokens: 1, completion_tokens: 3, total_tokens: 4 } },
};
export const completedInPieces: UpstreamScene = {
  kind: 'sse',
  frames: [said(' upon'), said(' a time'), said('', 'stop'), 'data: [DONE]\n\n'],
};
export const embedded: UpstreamScene = {
  kind: 'json',
  body: {
    object: 'list',
    model: 'embed-hidden',
    data: [
      { object: 'embedding', index: 0, embedding: [0.5, -0.25] },
      { object: 'embedding', index: 1, embedding: [1, 0] },
    ],
    usage: { prompt_tokens: 4, total_tokens: 4 },
  },
};

export interface Played extends AsyncDisposable {
  readonly gateway: RunningGateway;
  readonly upstreams: readonly ScriptedUpstream[];
  readonly client: OpenAI;
}

/** A gateway over upstreams that play scenes, all of them in every chain, in order. */
export async function over(...scripts: readonly (readonly UpstreamScene[])[]): Promise<Played> {
  const upstreams = await Promise.all(scripts.map((script) => scriptedUpstream(script)));
  const names = upstreams.map((_, index) => `up${index}`);
  const gateway = await startGateway({
    yaml: [
      'upstreams:',
      ...upstreams.map(({ url }, index) => `  up${index}: { url: "${url}", model: m${index}, images: diffusion }`),
      `models: { default: [${names.join(', ')}] }`,
      `images: { default: [${names.join(', ')}] }`,
    ].join('\n'),
  });
  return {
    gateway,
    upstreams,
    client: clientOf(gateway),
    async [Symbol.asyncDispose]() {
      await gateway.stop('SIGKILL');
      await Promise.all(upstreams.map((upstream) => upstream.close()));
    },
  };
}

export function clientOf({ url }: RunningGateway): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
}

/** What a native stream says. */
export function events(text: string): Record<string, unknown>[] {
  return text
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice(6)) as Record<string, unknown>);
}
