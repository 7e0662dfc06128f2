/** A client that notes all it sees: status, words, times, frames, how the connection ended. */
import http from 'node:http';

const agent = new http.Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

/**
 * @typedef {object} Seen
 * @property {number} status 0 where no headers came
 * @property {http.IncomingHttpHeaders} headers
 * @property {string} body as it came
 * @property {any} json the body, where it is JSON
 * @property {'complete' | 'broken' | 'left'} end
 * @property {number} ms
 */

/**
 * Sends one request and reads the answer to its end. `leave` is awaited with the answer so far; once it settles the
 * client closes its connection. `pace` holds each chunk back until it settles.
 *
 * @param {string} url
 * @param {{ method?: string, body?: unknown, headers?: Record<string, string>, leave?: (seen: { headers: Promise<void>, content: Promise<void> }) => Promise<void>, pace?: () => Promise<void>, fresh?: boolean }} options
 * @returns {Promise<Seen & { leftAt?: number }>}
 */
export function request(url, { method = 'POST', body, headers = {}, leave, pace, fresh = false } = {}) {
  const startedAt = performance.now();
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve) => {
    const seen = { status: 0, headers: {}, body: '', json: undefined, end: 'broken', ms: 0 };
    let headersCame = () => {};
    let contentCame = () => {};
    const moments = {
      headers: new Promise((done) => (headersCame = done)),
      content: new Promise((done) => (contentCame = done)),
    };
    const over = (end) => {
      if (seen.ms > 0) return;
      seen.end = seen.leftAt === undefined ? end : 'left';
      seen.ms = performance.now() - startedAt;
      seen.json = parsed(seen.body);
      resolve(seen);
    };
    const read = async (answer) => {
      let hasContent = false;
      try {
        for await (const part of answer) {
          await pace?.();
          seen.body += part;
          if (!hasContent && (hasContent = part.includes('"content":"A'))) contentCame();
        }
      } catch {
        over('broken');
      }
    };
    const sent = http.request(url, {
      method,
      agent: fresh ? false : agent,
      headers: {
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        ...headers,
      },
    });
    sent.on('response', (answer) => {
      seen.status = answer.statusCode ?? 0;
      seen.headers = answer.headers;
      headersCame();
      answer.on('error', () => over('broken'));
      answer.on('close', () => over(answer.complete ? 'complete' : 'broken'));
      answer.setEncoding('utf8');
      void read(answer);
    });
    sent.on('error', () => over('broken'));
    sent.end(text);
    void leave?.(moments).then(() => {
      seen.leftAt = Date.now();
      sent.destroy();
      over('left');
    });
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The events of a stream: parsed where they are JSON. */
export function framesOf(body) {
  return body
    .split('\n\n')
    .flatMap((event) => /^data: (.*)$/m.exec(event)?.[1] ?? [])
    .map((data) => (data === '[DONE]' ? data : parsed(data)));
}

/** What a chat answer says, whole or as a stream. */
export function readChat({ headers, body, json }) {
  if (json !== undefined || !String(headers['content-type']).includes('event-stream')) {
    const choice = json?.choices?.[0];
    return {
      text: choice?.message?.content ?? '',
      model: json?.model,
      finish: choice?.finish_reason,
      usage: json?.usage,
      error: json?.error,
      done: false,
      ids: [json?.id],
    };
  }
  const frames = framesOf(body);
  const chunks = frames.filter((frame) => typeof frame === 'object');
  return {
    text: chunks.map((chunk) => chunk.choices?.[0]?.delta?.content ?? '').join(''),
    model: chunks.findLast((chunk) => chunk.model !== undefined)?.model,
    finish: chunks.findLast((chunk) => chunk.choices?.[0]?.finish_reason)?.choices[0].finish_reason,
    usage: chunks.findLast((chunk) => chunk.usage)?.usage,
    error: chunks.find((chunk) => chunk.error)?.error,
    done: frames.includes('[DONE]'),
    ids: [...new Set(chunks.map(({ id }) => id))],
  };
}
