import { systemRuntime } from 'ripstop';
import {
  ConfigError,
  defaultConfig,
  type Environment,
  exposureProblems,
  isLoopback,
  loadConfig,
} from '../config/load.js';
import type { Config } from '../config/schema.js';
import { createGateway, type Gateway } from '../gateway.js';
import { createLogger } from '../log.js';

export interface ServeOptions {
  readonly config?: string;
  readonly port?: number;
  readonly host?: string;
  readonly logLevel?: string;
}

/** `ripstop serve`: runs until it is told to stop. Exit code 0 after a clean end, 1 when it cannot start, 2 when misconfigured. */
export async function serve(options: ServeOptions, environment: Environment): Promise<number> {
  let config: Config;
  try {
    config = await configured(options, environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(['ripstop: the configuration cannot be used', ...error.problems].join('\n  '));
    return 2;
  }
  const gateway = createGateway(config, { logger: createLogger(options.logLevel) });
  let port: number;
  try {
    port = await gateway.listen();
  } catch (error) {
    await gateway.close();
    console.error(`ripstop: ${startFailure(error, config)}`);
    return 1;
  }
  // Whoever reads where it answers may stop it at once.
  const stopped = toldToStop(gateway, config.server.drainWait);
  console.log(banner(config, port));
  await stopped;
  return 0;
}

/** Flags win over the environment, the environment over the file. */
export async function configured(
  options: Pick<ServeOptions, 'config' | 'host' | 'port'>,
  environment: Environment,
): Promise<Config> {
  const file = options.config ?? environment['RIPSTOP_CONFIG'];
  const config = file === undefined ? defaultConfig() : await loadConfig(file, environment);
  const host = options.host ?? environment['RIPSTOP_HOST'] ?? config.server.host;
  const port = options.port ?? portFrom(environment['PORT']) ?? config.server.port;
  const server = { ...config.server, host, port };
  const problems = exposureProblems(server);
  if (problems.length > 0) throw new ConfigError(problems);
  return { ...config, server };
}

function portFrom(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new ConfigError(['PORT: must be a whole number from 0 to 65535']);
  return port;
}

function startFailure(error: unknown, { server }: Config): string {
  const { host, port } = server;
  const sentences: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} is taken; stop what uses it, or choose another with --port ${port === 65_535 ? 8787 : port + 1}`,
    EACCES: `port ${port} may not be opened by this user; choose one above 1023 with --port 8787`,
    EADDRNOTAVAIL: `this machine has no address ${host}; choose another with --host 127.0.0.1`,
    ENOTFOUND: `there is no address for ${host}; choose another with --host 127.0.0.1`,
  };
  const { code, message } = error as NodeJS.ErrnoException;
  return sentences[code ?? ''] ?? message;
}

function banner({ server, models }: Config, port: number): string {
  const host = isLoopback(server.host) && server.host.includes(':') ? `[${server.host}]` : server.host;
  const base = `http://${host}:${port}`;
  const key = server.keys.length > 0 ? ` -H 'authorization: Bearer YOUR_KEY'` : '';
  const json = `${key} -H 'content-type: application/json'`;
  return `
Ripstop answers at ${base}
The page is at     ${base}/
Models: ${Object.keys(models).join(', ')}

Try:
  curl ${base}/generate${json} -d '{"prompt":"What is a circuit breaker?","max_tokens":40}'
  curl -N ${base}/v1/chat/completions${json} -d '{"messages":[{"role":"user","content":"Tell me a story about a fox."}],"stream":true}'
  curl ${base}/health${key}

Ctrl-C ends it.
`;
}

/**
 * The first signal ends the gateway cleanly; a second one ends the process at once. SIGTERM comes from whoever runs the
 * service, and who sends it traffic has to notice first; nobody waits for that after Ctrl-C.
 */
function toldToStop(gateway: Gateway, drainWaitMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (stopping) process.exit(signal === 'SIGINT' ? 130 : 143);
      stopping = true;
      gateway.leave();
      const close = (): void => void gateway.close().then(resolve, reject);
      if (signal === 'SIGTERM') systemRuntime.clock.after(drainWaitMs, close);
      else close();
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}
