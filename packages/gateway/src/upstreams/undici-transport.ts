import type { HttpAnswer, HttpRequest, HttpTransport } from 'ripstop/models';
import { Agent, buildConnector, request } from 'undici';
import { abortNews } from './abort-news.js';
import { BodyChunks } from './body-chunks.js';

/**
 * Idle connections are given up before a server's usual 5 seconds are over: a request that is sent while the other
 * side closes would be lost.
 */
const keepAliveMs = 4_000;

export interface UndiciTransport {
  readonly transport: HttpTransport;
  /** Closes all connections; requests under way end first. */
  readonly close: () => Promise<void>;
}

/**
 * Requests to one upstream over undici: connections kept alive, bodies read as they come. The limits on headers and
 * body are those of the model client, so undici's own are off. A limit on connecting belongs to a connection, not to a
 * request, so every such limit has an agent.
 *
 * A connection that was used before and is lost before the headers was, as a rule, being closed for idleness when the
 * request was sent: the request is sent once more, at once, and nobody counts it.
 */
export function undiciTransport(): UndiciTransport {
  const agents = new Map<number, Agent>();

  function agentFor(connectMs: number): Agent {
    let agent = agents.get(connectMs);
    if (agent === undefined) {
      agent = new Agent({
        connect: connector(connectMs),
        keepAliveTimeout: keepAliveMs,
        keepAliveMaxTimeout: keepAliveMs,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      agents.set(connectMs, agent);
    }
    return agent;
  }

  /** Errors of connections that had carried answers before. */
  const lost = new WeakSet<Error>();

  function connector(timeout: number): buildConnector.connector {
    const connect = buildConnector({ timeout });
    return (options, callback) => {
      connect(options, (...result) => {
        const [, socket] = result;
        socket?.on('error', (error) => {
          if (socket.bytesRead > 0) lost.add(error);
        });
        callback(...result);
      });
    };
  }

  async function send(asked: HttpRequest): Promise<HttpAnswer> {
    const { method, url, headers, body, connectMs = 10_000 } = asked;
    const signal = abortNews(asked);
    const ask = () => request(url, { method, headers, body, signal, dispatcher: agentFor(connectMs) });
    const answer = await ask().catch((error: unknown) => {
      if (error instanceof Error && lost.has(error) && !signal.aborted) return ask();
      throw error;
    });
    return { status: answer.statusCode, headers: flat(answer.headers), body: new BodyChunks(answer.body) };
  }

  return {
    transport: Object.assign(send, { takes: 'onAbort' } as const),
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.close()));
    },
  };
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return result;
}
