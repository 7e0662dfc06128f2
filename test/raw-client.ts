/** A client that sends exactly the bytes it is told to, for what no well-behaved client can do. */
import { connect, type Socket } from 'node:net';

export interface RawClient {
  readonly socket: Socket;
  send(text: string): void;
  /** Everything received so far, once it contains `text` (a string) or has ended (nothing given). */
  until(text?: string): Promise<string>;
  /** Has the other side closed the connection? */
  readonly closed: boolean;
}

export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let received = '';
  let closed = false;
  const news = new Set<() => void>();
  const tell = (): void => {
    for (const listener of news) listener();
  };
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    received += chunk;
    tell();
  });
  for (const end of ['end', 'close', 'error']) {
    socket.on(end, () => {
      closed = true;
      tell();
    });
  }
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  return {
    socket,
    send: (text) => void socket.write(text),
    until(text) {
      return new Promise((resolve, reject) => {
        const done = (): boolean => (text === undefined ? closed : received.includes(text));
        const timer = setTimeout(() => {
          reject(new Error(`waited 10 s for ${text ?? 'the end'}, got ${JSON.stringify(received.slice(-2_000))}`));
        }, 10_000);
        const look = (): void => {
          if (!done() && !closed) return;
          clearTimeout(timer);
          news.delete(look);
          if (done()) resolve(received);
          else reject(new Error(`closed before ${text}, got ${JSON.stringify(received.slice(-2_000))}`));
        };
        news.add(look);
        look();
      });
    },
    get closed() {
      return closed;
    },
  };
}
