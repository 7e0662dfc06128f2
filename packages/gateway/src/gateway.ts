import { type Runtime, systemRuntime } from 'ripstop';
import { type NodeServer, serve } from 'ripstop/node';
import { createChute, createErrorHandler, type Logger, type RequestSummary } from 'ripstop/serving';
import { admission } from './admission/admission.js';
import { Gate } from './admission/gate.js';
import { keyLimit } from './admission/key-limit.js';
import { gatewayDegradation } from './admission/pressure.js';
import { authenticator, callerOf } from './authentication.js';
import { createChains } from './chains/chains.js';
import type { Config } from './config/schema.js';
import { logEventsBehind } from './event-log.js';
import { observe } from './observation/observation.js';
import { addAdaptiveGenerate } from './routes/adaptive-generate.js';
import { addChatCompletions } from './routes/chat-completions.js';
import { addCompletions } from './routes/completions.js';
import { addEmbeddings } from './routes/embeddings.js';
import { addGenerate } from './routes/generate.js';
import { addGenerateImage } from './routes/generate-image.js';
import { addGenerateResilient } from './routes/generate-resilient.js';
import { addImageGenerations } from './routes/image-generations.js';
import { ModelService, textRoutes } from './routes/model-service.js';
import { addModels } from './routes/models.js';
import { addPage } from './routes/page.js';
import { createUpstream, type Upstream } from './upstreams/upstream.js';
import { version } from './version.js';

export interface GatewayOptions {
  readonly logger: Logger;
}

export interface Gateway {
  /** Listens, then waits until local engines can answer. Returns the port. Rejects when it cannot serve. */
  listen(): Promise<number>;
  /** From now on `/readyz` says 503, and everything else goes on: load balancers send nothing new. */
  leave(): void;
  /** Stops accepting, lets requests end within `server.drain`, then ends engines and connections. Idempotent. */
  close(): Promise<void>;
}

/** The whole of it: upstreams, the chains over them, the routes over those, and a server in front. */
export function createGateway(config: Config, { logger }: GatewayOptions, runtime: Runtime = systemRuntime): Gateway {
  const { server: settings, load } = config;
  const upstreams = new Map(
    Object.entries(config.upstreams).map(([name, upstream]) => [name, createUpstream(name, upstream, runtime)]),
  );
  const chains = createChains({ config, upstreams, level: () => degradation.level }, runtime);
  const standing = { draining: false };
  const endEventLog = logEventsBehind(runtime.events, logger);
  const authenticate = authenticator(settings);

  const chute = createChute<object>(
    {
      name: 'gateway',
      version,
      openApi: { title: 'Ripstop gateway' },
      logger,
      profile: settings.profile,
      errorHandler: createErrorHandler({ logger: onlyErrors(logger), profile: settings.profile }, runtime),
      bodyLimitBytes: settings.bodyLimit,
      streamErrors: settings.streamErrorAbort ? 'frame_and_break' : 'frame',
      // Ids travel with the calls' own contexts here.
      errorContext: 'none',
      onRequest: (summary) => logRequest(logger, summary),
    },
    runtime,
  );
  const limits = { maxInFlight: load.maxInFlight, queue: load.queue, queueWaitMs: load.queueWait };
  const gate: Gate = new Gate(limits, () => degradation.level, runtime);
  const degradation = gatewayDegradation(load, () => gate, runtime);
  chute.use(({ request }, next) => {
    const refusal = authenticate(request);
    if (refusal !== undefined) throw refusal;
    return next();
  });
  const perKey = load.perKey && keyLimit({ requests: load.perKey.requests, perMs: load.perKey.per }, runtime);
  const goesSmaller = chains.all().some(({ smaller }) => smaller !== undefined) ? textRoutes : undefined;
  chute.use(admission({ gate, callerOf: callerOf(settings), keyLimit: perKey, goesSmaller }, runtime));
  addPage(chute);
  addModels(chute, chains, runtime);
  const service = new ModelService({ chains, degradation, degrade: load.degrade ? 'by_level' : 'never' }, runtime);
  addGenerate(chute, service);
  addGenerateResilient(chute, service);
  addAdaptiveGenerate(chute, service);
  addGenerateImage(chute, service);
  addChatCompletions(chute, service);
  addCompletions(chute, service);
  addEmbeddings(chute, chains);
  addImageGenerations(chute, service);
  const observation = observe({ config, chute, chains, gate, degradation, standing, logger, runtime });

  let server: NodeServer | undefined;
  let closing: Promise<void> | undefined;

  async function end(): Promise<void> {
    standing.draining = true;
    await server?.close({ drainMs: settings.drain });
    await chute.stop();
    await observation.close();
    await Promise.allSettled([...upstreams.values()].map((upstream) => upstream.close()));
    endEventLog();
  }

  return {
    async listen() {
      await chute.start();
      server = await serve(chute.handle, { host: settings.host, port: settings.port }, runtime);
      await Promise.all([...upstreams.values()].map(started));
      return server.port;
    },
    leave() {
      standing.draining = true;
    },
    close() {
      closing ??= end();
      return closing;
    },
  };
}

/** @throws Error that says which key of the configuration cannot be used, and why. */
async function started(upstream: Upstream): Promise<void> {
  try {
    await upstream.start();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`upstreams.${upstream.name}: ${why}`, { cause: error });
  }
}

/** Each request has its line already; a second one only where something of ours must be mended. */
function onlyErrors(logger: Logger): Logger {
  const silent = (): void => undefined;
  return { debug: silent, info: silent, warn: silent, error: (fields, message) => logger.error(fields, message) };
}

function logRequest(logger: Logger, summary: RequestSummary): void {
  const { correlationId: id, method, route, status, ms, errorType, notes } = summary;
  const fields = {
    id,
    method,
    route,
    status,
    ms: Math.round(ms),
    ...(errorType && { error_type: errorType }),
    ...notes,
  };
  // Probes come every few seconds from every load balancer.
  if (route === '/livez' || route === '/readyz' || route === '/startupz') logger.debug(fields, 'request');
  else logger.info(fields, 'request');
}
