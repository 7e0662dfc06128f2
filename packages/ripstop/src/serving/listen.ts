/** A chute as a process of its own on `node:http`: listens, starts, and drains when it is told to end. */
import type { Runtime } from '../call/runtime.js';
import { type CloseOptions, type NodeServer, type ServeOptions, serve } from './adapters/node-server.js';
import type { ExchangeHandler } from './exchange.js';

/** Options of `app.listen()`. */
export interface ListenOptions extends ServeOptions, CloseOptions {
  /** Signals that end the service: it drains, stops and lets the process end. Default: SIGTERM and SIGINT. */
  readonly signals?: readonly NodeJS.Signals[] | undefined;
}

export interface Listener {
  readonly handle: ExchangeHandler;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** An end that fails has nobody to tell but the log. */
  readonly failed: (error: unknown) => void;
}

export type Listen = typeof listen;

/**
 * The port is taken before the startup hooks run, so that probes are answered meanwhile, and every other request is told
 * when to come back (I11). `close()`, or a signal, drains the server and then runs the shutdown hooks; a second signal
 * ends the process at once, as it does by default.
 *
 * Rejects when the port cannot be taken or a startup hook fails, and then nothing is left open.
 */
export async function listen(
  { handle, start, stop, failed }: Listener,
  options: ListenOptions,
  runtime: Runtime,
): Promise<NodeServer> {
  const { signals = ['SIGTERM', 'SIGINT'], drainMs, graceMs, ...serving } = options;
  const server = await serve(handle, serving, runtime);
  let ending: Promise<void> | undefined;
  const forget = (): void => {
    for (const signal of signals) process.off(signal, told);
  };
  const close = (limits: CloseOptions = {}): Promise<void> => {
    forget();
    ending ??= server.close({ drainMs, graceMs, ...limits }).then(stop);
    return ending;
  };
  const told = (): void => void close().catch(failed);
  for (const signal of signals) process.on(signal, told);

  try {
    await start();
  } catch (error) {
    await close({ drainMs: 0, graceMs: 0 }).catch(failed);
    throw error;
  }
  return Object.defineProperties({} as NodeServer, {
    ...Object.getOwnPropertyDescriptors(server),
    close: { value: close, enumerable: true },
  });
}
