/**
 * One request sent over and over on kept connections, by bytes: a load that costs a fraction of what any server under
 * it costs, so that the server is what is measured. Answers must state their length.
 */
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';

/** The bytes of a JSON POST. */
export function jsonPost(path, value) {
  const body = JSON.stringify(value);
  const head = ['Host: 127.0.0.1', 'content-type: application/json', `content-length: ${Buffer.byteLength(body)}`];
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Sends on so many connections for so many milliseconds; answers per second. */
export async function load(port, request, { connections, ms }) {
  const sockets = await Promise.all(Array.from({ length: connections }, () => opened(port)));
  try {
    const started = performance.now();
    const over = () => performance.now() - started >= ms;
    const counts = await Promise.all(sockets.map((socket) => exchange(socket, request, over)));
    return (counts.reduce((sum, count) => sum + count, 0) * 1000) / (performance.now() - started);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

function opened(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Sends the next request when an answer is complete, until it is over. */
function exchange(socket, request, over) {
  return new Promise((resolve, reject) => {
    let answers = 0;
    let pending = '';
    /** Of the answer before. Nearly all are as long, and those need no more than a look at their first and last bytes. */
    let usual = 0;
    const take = (chunk) => {
      if (pending === '' && chunk.length === usual && isWhole(chunk)) return next();
      pending += chunk.latin1Slice();
      const length = completeLength(pending);
      if (length === undefined || pending.length < length) return;
      if (!pending.startsWith('HTTP/1.1 200')) return done(new Error(`an answer that is no 200: ${pending}`));
      pending = pending.slice(length);
      usual = length;
      next();
    };
    const next = () => {
      answers += 1;
      if (over()) done();
      else socket.write(request);
    };
    const closed = () => done(new Error('the server closed the connection'));
    const done = (error) => {
      socket.off('data', take).off('close', closed);
      if (error === undefined) resolve(answers);
      else reject(error);
    };
    socket.on('data', take).on('close', closed);
    socket.write(request);
  });
}

/** A 200 that ends as a JSON object does. */
function isWhole(chunk) {
  return chunk[0] === 0x48 && chunk[9] === 0x32 && chunk[10] === 0x30 && chunk[11] === 0x30 && chunk.at(-1) === 0x7d;
}

function completeLength(text) {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${text}`);
  return end + 4 + Number(length);
}
