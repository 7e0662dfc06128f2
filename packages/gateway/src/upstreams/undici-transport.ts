import type { HttpAnswer, HttpRequest, HttpTransport } from 'ripstop/models';
import { Agent, buildConnector } from 'undici';
import { DispatchedAnswer } from './dispatched-answer.js';

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

  function dispatched(request: HttpRequest): DispatchedAnswer {
    const { method, url, headers, body = null, connectMs = 10_000 } = request;
    const { origin, pathname, search } = new URL(url);
    const answer = new DispatchedAnswer(request);
    agentFor(connectMs).dispatch({ origin, path: pathname + search, method, headers, body }, answer);
    return answer;
  }

  async function send(request: HttpRequest): Promise<HttpAnswer> {
    try {
      return await dispatched(request).answer;
    } catch (error) {
      if (!(error instanceof Error && lost.has(error))) throw error;
      return dispatched(request).answer;
    }
  }

  return {
    transport: Object.assign(send, { takes: 'onAbort' } as const),
    close: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.close()));
    },
  };
}
