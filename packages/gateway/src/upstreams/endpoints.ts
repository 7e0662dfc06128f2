import { InvalidInputError, type Runtime } from 'ripstop';
import {
  type ChatRequest,
  type CompletionRequest,
  chutesImages,
  type EmbeddingRequest,
  type EndpointOptions,
  type ImageRequest,
  type OpenaiTimeouts,
  openaiCompletions,
  openaiEmbeddings,
  openaiImages,
  type TextModel,
} from 'ripstop/models';
import type { HttpUpstreamConfig } from '../config/schema.js';

/** What upstreams are asked for beside chats, and what such a request looks like. */
export interface EndpointRequests {
  readonly completions: CompletionRequest;
  readonly embeddings: EmbeddingRequest;
  readonly images: PictureRequest;
}

export type Endpoint = keyof EndpointRequests;

/** A picture, with fields that travel to OpenAI-compatible upstreams as they are. */
export interface PictureRequest extends ImageRequest {
  readonly fields?: Readonly<Record<string, unknown>>;
}

type Connection = EndpointOptions & { readonly timeouts: OpenaiTimeouts };

/**
 * An endpoint of a service over HTTP, as a model of a chain. A chain hands on unread what its models are asked, and walks
 * text models, so vectors travel as the `raw` of an empty text, and a picture as the text of its base64.
 */
export function httpEndpoint(
  endpoint: Endpoint,
  { model, images, contextLength }: HttpUpstreamConfig,
  connection: Connection,
  runtime: Runtime,
): TextModel {
  switch (endpoint) {
    case 'completions':
      return openaiCompletions({ ...connection, model, contextLength }, runtime);
    case 'embeddings':
      return embeddings(model, connection, runtime);
    case 'images':
      return images === 'chutes'
        ? chutesPictures(model, connection, runtime)
        : pictures(model, images, connection, runtime);
  }
}

function embeddings(model: string, connection: Connection, runtime: Runtime): TextModel {
  const embedder = openaiEmbeddings({ ...connection, model }, runtime);
  return {
    async generate(input, options) {
      const { raw, usage } = await embedder.embed(asked('embeddings', input), options);
      return { text: '', raw, usage };
    },
  };
}

function pictures(
  model: string,
  parameters: 'openai' | 'diffusion',
  connection: Connection,
  runtime: Runtime,
): TextModel {
  // These always answer base64, and refuse to be asked for it.
  const always = model.startsWith('gpt-image') ? { response_format: undefined } : {};
  return {
    async generate(input, options) {
      const { fields, ...request } = asked('images', input);
      const painter = openaiImages({ ...connection, model, parameters, fields: { ...fields, ...always } }, runtime);
      return { text: base64(await painter.generate(request, options)) };
    },
  };
}

function chutesPictures(model: string, connection: Connection, runtime: Runtime): TextModel {
  const painter = chutesImages({ ...connection, model }, runtime);
  return {
    async generate(input, options) {
      const { fields: _openaiOnly, ...request } = asked('images', input);
      return { text: base64(await painter.generate(request, options)) };
    },
  };
}

function asked<E extends Endpoint>(_endpoint: E, input: string | ChatRequest): EndpointRequests[E] {
  return input as unknown as EndpointRequests[E];
}

function base64(image: Uint8Array | string): string {
  return typeof image === 'string' ? image : Buffer.from(image).toString('base64');
}

/** A model that only chats, where a text is to be gone on from: the text is what the user says. */
export function chatAsCompletions(model: TextModel): TextModel {
  const stream = model.stream?.bind(model);
  return {
    get contextLength() {
      return model.contextLength;
    },
    generate: (input, options) => model.generate(asChat(input), options),
    ...(stream && { stream: (input, options) => stream(asChat(input), options) }),
  };
}

function asChat(input: string | ChatRequest): ChatRequest {
  const { prompt, ...request } = asked('completions', input);
  if (typeof prompt !== 'string') throw new InvalidInputError('prompt must be one text: this model reads no other');
  return { ...request, messages: [{ role: 'user', content: prompt }] };
}
