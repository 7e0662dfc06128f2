/** Whether the upstreams answer: `GET /models`, which nobody bills, and no request to a model. */
import { access, constants } from 'node:fs/promises';
import type { Runtime } from 'ripstop';
import { type HealthCheckResult, healthChecker, upstreamCheck } from 'ripstop/observation';
import type { Config, HttpUpstreamConfig, UpstreamConfig } from '../config/schema.js';
import { about, advised, critical, met, unknown, type Verdict } from './finding.js';

export async function reachability(
  { upstreams, observation }: Config,
  { network, runtime }: { readonly network: 'asked' | 'offline'; readonly runtime: Runtime },
): Promise<readonly Verdict[]> {
  const checker = healthChecker({ limitMs: observation.health.timeout }, runtime);
  for (const [name, upstream] of Object.entries(upstreams)) {
    if (network === 'asked' && 'url' in upstream) checker.registerCheck(name, upstreamCheck(upstream, runtime));
  }
  try {
    const { checks } = await checker.runAllChecks();
    const verdicts = Object.entries(upstreams).map(async ([name, upstream]) => {
      return about(`upstreams.${name}`, await judged(upstream, checks[name]));
    });
    return await Promise.all(verdicts);
  } finally {
    checker.close();
  }
}

function judged(upstream: UpstreamConfig, result: HealthCheckResult | undefined): Verdict | Promise<Verdict> {
  if (!('url' in upstream))
    return upstream.engine === 'gguf' ? fileThere(upstream.file) : met('It runs on this machine');
  if (result === undefined) return unknown('Not asked (--offline)', 'Run the doctor without --offline');
  return answered(upstream, result);
}

function answered(
  { key }: HttpUpstreamConfig,
  { status, details, error, duration_ms: ms }: HealthCheckResult,
): Verdict {
  const took = `within ${Math.round(ms)} ms`;
  if (status === 'healthy') {
    if (details?.['listed'] === null) return met(`It answers ${took}, and has no list of models`);
    return met(`It answers ${took}, and has the model`);
  }
  if (details?.['listed'] === false) {
    return advised(
      'It answers, and its list does not have the model',
      'Compare upstreams.….model with GET /models there',
    );
  }
  const refused = refusals.has(details?.['error_type']);
  const reason = sentence(details?.['reason']) ?? error ?? 'It does not answer';
  if (!refused) return critical(reason, 'Is it running, and is its url right, /v1 included?');
  return critical('It refuses our credential', key === undefined ? 'Set its key' : 'Set a key that it takes');
}

const refusals: ReadonlySet<unknown> = new Set(['authentication_failed', 'permission_denied']);

function sentence(reason: unknown): string | undefined {
  return typeof reason === 'string' ? reason : undefined;
}

async function fileThere(file: string): Promise<Verdict> {
  try {
    await access(file, constants.R_OK);
    return met('Its file can be read');
  } catch {
    return critical('Its file cannot be read', 'Name a file that this user may read');
  }
}
