/** A real HTTP server that answers like an OpenAI-compatible model service, well or badly. For Node only. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** A frame: an object is sent as `data: {…}`, a text or bytes as they are, a number waits so many milliseconds. */
export type UpstreamFrame = object | Uint8Array | string | number;

/** How the server answers one request: well, badly, or not at all. */
export type UpstreamAnswer =
  | {
      readonly kind: 'json';
      /** Default: 200. */
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: unknown;
      /** Time before the headers, in milliseconds. */
      readonly delayMs?: number;
      /** Time between headers and body, in milliseconds. */
      readonly bodyDelayMs?: number;
    }
  | {
      readonly kind: 'text';
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: string;
      /** Time before the headers, in milliseconds. */
      readonly delayMs?: number;
    }
  | {
      readonly kind: 'sse';
      readonly frames: readonly UpstreamFrame[];
      readonly headers?: Readonly<Record<string, string>>;
      /** Time before the headers, in milliseconds. */
      readonly delayMs?: number;
      /**
       * After the last frame: a clean end, a connection closed or reset in mid-answer, or nothing for ever. Default:
       * `close`.
       */
      readonly end?: 'close' | 'cut' | 'reset' | 'hang';
    }
  /** Takes the request and never says a word. */
  | { readonly kind: 'hang' }
  /** Resets the connection before any header. */
  | { readonly kind: 'reset' };

/** One request, as the server received it. */
export interface UpstreamRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Parsed where it is JSON, the text where it is not. */
  readonly body: unknown;
  /** Which connection it came over, from 1. */
  readonly connection: number;
  /** Did the client leave before the answer was complete? */
  readonly aborted: boolean;
  /** Resolves when the answer is complete or the client has left. */
  readonly over: Promise<void>;
}

/** A running server that plays a script. */
export interface ScriptedUpstream extends AsyncDisposable {
  /** The base URL, with `/v1`. */
  readonly url: string;
  readonly port: number;
  /** What it was asked, in order. */
  readonly requests: readonly UpstreamRequest[];
  /** Connections that are open now. */
  readonly open: number;
  /** Resolves with request number `index` as soon as it has arrived. */
  request(index: number): Promise<UpstreamRequest>;
  close(): Promise<void>;
}

/** An answer, or a function that makes one of the request. */
export type UpstreamScene = UpstreamAnswer | ((request: UpstreamRequest) => UpstreamAnswer);

/** Options of `scriptedUpstream()`. */
export interface ScriptedUpstreamOptions {
  /** Default: 0, any free port. */
  readonly port?: number;
  /** How long a connection may be idle before the server closes it, in milliseconds. Default: Node's, 5 000. */
  readonly keepAliveMs?: number;
  /** How many requests it remembers, the latest ones; the rest it only counts. Default: all. */
  readonly remembered?: number;
}

/**
 * Starts a server on 127.0.0.1 that plays a script, one scene a request; the last scene repeats. Close it when done.
 *
 * @throws RangeError without a scene. The system's own error where the port is taken.
 */
export async function scriptedUpstream(
  script: readonly UpstreamScene[],
  { port: wanted = 0, keepAliveMs, remembered = Number.POSITIVE_INFINITY }: ScriptedUpstreamOptions = {},
): Promise<ScriptedUpstream> {
  if (script.length === 0) throw new RangeError('scriptedUpstream needs at least one scene, got none');
  const requests: UpstreamRequest[] = [];
  const waiting = new Map<number, (request: UpstreamRequest) => void>();
  const sockets = new Map<Socket, number>();
  let connections = 0;
  let count = 0;

  const server = createServer((incoming, response) => {
    const connection = sockets.get(incoming.socket) ?? 0;
    const answered = record(incoming, response, connection).then(async (request) => {
      const scene = script[Math.min(count, script.length - 1)] as UpstreamScene;
      waiting.get(count)?.(request);
      count += 1;
      requests.push(request);
      if (requests.length > remembered) requests.shift();
      await answer(typeof scene === 'function' ? scene(request) : scene, response);
    });
    // A client that leaves while it still sends has no answer to get.
    answered.catch(() => response.destroy());
  });
  if (keepAliveMs !== undefined) server.keepAliveTimeout = keepAliveMs;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.set(socket, connections);
    socket.once('close', () => sockets.delete(socket));
    // A client that resets the connection is a scene like any other.
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;

  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://127.0.0.1:${port}/v1`,
    port,
    requests,
    get open() {
      return sockets.size;
    },
    request: (index) => {
      const arrived = requests[index];
      return arrived === undefined ? new Promise((resolve) => waiting.set(index, resolve)) : Promise.resolve(arrived);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The body of a chat completion that says `text`. */
export function chatAnswer(text: string, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'scripted',
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 5, completion_tokens: text.split(' ').length, total_tokens: 5 + text.split(' ').length },
    ...more,
  };
}

/** One chunk of a streamed chat completion. */
export function chatChunk(
  delta: Readonly<Record<string, unknown>>,
  finishReason: string | null = null,
): Record<string, unknown> {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'scripted',
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  };
}

/** All frames of a streamed chat completion that says `pieces`: the role, the pieces, the finish, the usage, `[DONE]`. */
export function chatFrames(pieces: readonly string[]): UpstreamFrame[] {
  return [
    chatChunk({ role: 'assistant', content: '' }),
    ...pieces.map((piece) => chatChunk({ content: piece })),
    chatChunk({}, 'stop'),
    {
      ...chatChunk({}),
      choices: [],
      usage: { prompt_tokens: 5, completion_tokens: pieces.length, total_tokens: 5 + pieces.length },
    },
    'data: [DONE]\n\n',
  ];
}

async function record(
  incoming: IncomingMessage,
  response: ServerResponse,
  connection: number,
): Promise<UpstreamRequest> {
  let text = '';
  incoming.setEncoding('utf8');
  for await (const chunk of incoming) text += String(chunk);
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers,
    body: parsed(text),
    connection,
    get aborted() {
      return response.destroyed && !response.writableFinished;
    },
    over: new Promise((resolve) => response.once('close', resolve)),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function answer(scene: UpstreamAnswer, response: ServerResponse): Promise<void> {
  switch (scene.kind) {
    case 'hang':
      return;
    case 'reset':
      response.socket?.resetAndDestroy();
      return;
    case 'text':
      if (scene.delayMs !== undefined) await wait(scene.delayMs);
      response.writeHead(scene.status ?? 200, { 'content-type': 'text/plain', ...scene.headers }).end(scene.body);
      return;
    case 'json':
      if (scene.delayMs !== undefined) await wait(scene.delayMs);
      response.writeHead(scene.status ?? 200, { 'content-type': 'application/json', ...scene.headers });
      if (scene.bodyDelayMs !== undefined) {
        response.flushHeaders();
        await wait(scene.bodyDelayMs);
      }
      response.end(JSON.stringify(scene.body));
      return;
    case 'sse':
      return stream(scene, response);
  }
}

async function stream(scene: Extract<UpstreamAnswer, { kind: 'sse' }>, response: ServerResponse): Promise<void> {
  if (scene.delayMs !== undefined) await wait(scene.delayMs);
  response.writeHead(200, { 'content-type': 'text/event-stream', ...scene.headers });
  response.flushHeaders();
  for (const frame of scene.frames) {
    if (response.destroyed) return;
    if (typeof frame === 'number') await wait(frame);
    else if (typeof frame === 'string' || frame instanceof Uint8Array) response.write(frame);
    else response.write(`data: ${JSON.stringify(frame)}\n\n`);
  }
  const { end = 'close' } = scene;
  if (end === 'close') response.end();
  // What was written is on its way before the connection goes.
  else if (end === 'cut') response.write('', () => response.socket?.destroy());
  else if (end === 'reset') response.write('', () => response.socket?.resetAndDestroy());
}

/** The server's port is what keeps the process alive, and no answer that is still to come. */
function wait(ms: number): Promise<void> {
  return pause(ms, undefined, { ref: false });
}
