/** One client of the soak: well-behaved, slow, or gone before the end. */
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

export const agent = new Agent({ keepAlive: true });

/** Reads all it gets; reads with pauses; or leaves at the first bytes, or so many milliseconds after asking. */
export type Manner = 'patient' | 'slow' | 'leaves at first bytes' | number;

export interface Exchange {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
  readonly manner: Manner;
}

export interface Seen {
  /** 0 where no headers came. */
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly end: 'complete' | 'broken' | 'left';
}

/** Never rejects: how the exchange ended is what is asked for. */
export function exchange(url: string, { method, path, body, manner }: Exchange): Promise<Seen> {
  return new Promise((resolve) => {
    const got: { answer?: IncomingMessage } = {};
    let text = '';
    let left = false;
    const over = (end: 'complete' | 'broken'): void => {
      clearTimeout(leaving);
      const { statusCode: status = 0, headers = {} } = got.answer ?? {};
      resolve({ status, headers, text, end: left ? 'left' : end });
    };
    const headers =
      body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const asked = request(`${url}${path}`, { method, agent, headers });
    const leave = (): void => {
      left = true;
      asked.destroy();
    };
    const leaving = typeof manner === 'number' ? setTimeout(leave, manner) : undefined;
    asked.on('error', () => over('broken'));
    asked.on('close', () => over('broken'));
    asked.on('response', (response) => {
      got.answer = response;
      response.setEncoding('utf8');
      response.on('error', () => over('broken'));
      response.on('end', () => over(response.complete ? 'complete' : 'broken'));
      response.on('data', (part: string) => {
        text += part;
        if (manner === 'leaves at first bytes') leave();
        if (manner === 'slow') void breathe(response);
      });
    });
    asked.end(body);
  });
}

async function breathe(response: IncomingMessage): Promise<void> {
  response.pause();
  await pause(5);
  response.resume();
}
