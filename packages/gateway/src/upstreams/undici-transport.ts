import type { HttpTransport } from 'ripstop/models';
import { Agent, request } from 'undici';

/**
 * Idle connections are given up before a server's usual 5 seconds are over: a request that is sent while the other
 * side closes would be lost.
 */
const keepAliveMs = 4_000;

export interface UndiciTransport {
  readonly transport: HttpTransport;
  /** Closes all connections; requests under way end first. */
  close(): Promise<void>;
}

/**
 * Requests to one upstream over undici: connections kept alive, bodies read as they come.
 * The limits on headers and body are those of the model client, so undici's own are off.
 */
export function undiciTransport({ connectMs }: { readonly connectMs: number }): UndiciTransport {
  const agent = new Agent({
    connect: { timeout: connectMs },
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    headersTimeout: 0,
    bodyTimeout: 0,
    pipelining: 1,
  });
  return {
    async transport({ method, url, headers, body, signal }) {
      const answer = await request(url, { method, headers, body, signal, dispatcher: agent });
      return { status: answer.statusCode, headers: flat(answer.headers), body: answer.body };
    },
    close: () => agent.close(),
  };
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return result;
}
