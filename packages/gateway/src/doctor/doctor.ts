/** `ripstop doctor`: a configuration held against what keeps a gateway on its feet, and against the checklist. */
import { type Runtime, systemRuntime } from 'ripstop';
import { checklist, type Logger } from 'ripstop/serving';
import type { Config } from '../config/schema.js';
import { createGateway } from '../gateway.js';
import { fallbacks, independence, prefill, timers, unused, windows } from './chain-checks.js';
import { checklistChecks } from './checklist-checks.js';
import { adminKeys, encryption, keys, loops } from './door-checks.js';
import type { DoctorFinding, Verdict } from './finding.js';
import { reachability } from './upstream-checks.js';

export interface DoctorOptions {
  /** `offline`: upstreams are not asked. */
  readonly network: 'asked' | 'offline';
}

/** What the doctor says of a configuration. */
export interface Diagnosis {
  readonly configuration: readonly DoctorFinding[];
  readonly checklist: readonly DoctorFinding[];
  /** How many findings of the configuration are critical. */
  readonly critical: number;
}

interface Check {
  readonly page: string;
  readonly run: (config: Config) => readonly Verdict[];
}

/** GW24, and what else a configuration alone can tell. */
export const configurationChecks: Readonly<Record<string, Check>> = {
  keys: { page: 'docs/gateway.md#endpoints', run: keys },
  admin_keys: { page: 'docs/gateway.md#endpoints', run: adminKeys },
  encryption: { page: 'docs/configuration.md', run: encryption },
  loops: { page: 'docs/configuration.md', run: loops },
  timers: { page: 'docs/configuration.md', run: timers },
  fallbacks: { page: 'docs/gateway.md#when-an-upstream-fails', run: fallbacks },
  independence: { page: 'docs/gateway.md#when-an-upstream-fails', run: independence },
  windows: { page: 'docs/configuration.md', run: windows },
  prefill: { page: 'docs/resume.md', run: prefill },
  unused: { page: 'docs/configuration.md', run: unused },
};

/** Examines a configuration that can be used. Asks upstreams for their list of models, and nothing else of anybody. */
export async function examine(
  config: Config,
  { network }: DoctorOptions,
  runtime: Runtime = systemRuntime,
): Promise<Diagnosis> {
  const [listeners, reached] = await Promise.all([
    listenersOf(config, runtime),
    reachability(config, { network, runtime }),
  ]);
  const configuration: readonly DoctorFinding[] = [
    ...Object.entries(configurationChecks).flatMap(([check, { page, run }]) => {
      return run(config).map((verdict) => ({ check, ...verdict, page }));
    }),
    ...reached.map((verdict) => ({ check: 'reachable', ...verdict, page: 'docs/gateway.md#when-an-upstream-fails' })),
  ];
  const items: readonly DoctorFinding[] = Object.values(checklist)
    .flat()
    .map(({ id, page }) => ({ check: id, ...checklistChecks[id]({ config, listeners }), page }));
  // What is critical in an item of the checklist was found in the configuration.
  const grave = configuration.filter(({ severity }) => severity === 'critical');
  return { configuration, checklist: items, critical: grave.length };
}

/** Who watches a gateway that is made of this configuration: it is made, asked, and let go before it listens. */
async function listenersOf(config: Config, runtime: Runtime): Promise<readonly (string | undefined)[]> {
  const gateway = createGateway(config, { logger: silent }, runtime);
  const { listeners } = runtime.events;
  await gateway.close();
  return listeners;
}

const nothing = (): void => undefined;
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
