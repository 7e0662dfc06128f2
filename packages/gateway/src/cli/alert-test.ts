import { systemRuntime } from 'ripstop';
import type { AlertTestResult } from 'ripstop/observation';
import { ConfigError, type Environment, loadConfig } from '../config/load.js';
import { nearest } from '../config/nearest.js';
import type { Config } from '../config/schema.js';
import { configuredAlerts } from '../observation/alerts.js';

export interface AlertTestOptions {
  readonly config?: string;
  readonly sink?: string;
  readonly json?: true;
}

/**
 * `ripstop alert test`: sends an alert and its end to each sink, and says what came back. Exit code 0 where all of them
 * took both, 1 where one did not, 2 where there is nothing to test.
 */
export async function alertTest(options: AlertTestOptions, environment: Environment): Promise<number> {
  let results: readonly AlertTestResult[];
  try {
    results = await tested(options, environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(['ripstop: no alert can be tested', ...error.problems].join('\n  '));
    return 2;
  }
  if (options.json) console.log(JSON.stringify({ results }));
  else for (const result of results) console.log(line(result));
  return results.every(({ outcome }) => outcome === 'delivered') ? 0 : 1;
}

async function tested({ config: file, sink }: AlertTestOptions, environment: Environment) {
  const path = file ?? environment['RIPSTOP_CONFIG'];
  if (path === undefined) throw new ConfigError(['name the configuration with --config, or in RIPSTOP_CONFIG']);
  const config = await loadConfig(path, environment);
  if (config.alerts.length === 0) {
    throw new ConfigError([`${path}: has no alerts; add some, such as alerts: [ { slack: "\${SLACK_URL}" } ]`]);
  }
  return testedSinks(config, sink);
}

async function testedSinks(config: Config, sink: string | undefined): Promise<readonly AlertTestResult[]> {
  const alerts = configuredAlerts(config, systemRuntime);
  try {
    if (sink !== undefined && !alerts.sinks.includes(sink)) throw new ConfigError([unknownSink(sink, alerts.sinks)]);
    return await alerts.test(sink);
  } finally {
    await alerts.close();
  }
}

function unknownSink(sink: string, sinks: readonly string[]): string {
  const suggestion = nearest(sink, sinks);
  return `--sink ${sink}: there is no such sink; ${suggestion === undefined ? `there are ${sinks.join(', ')}` : `did you mean ${suggestion}?`}`;
}

function line({ sink, outcome, answers, ms }: AlertTestResult): string {
  const [alert, end] = answers;
  return `${sink}: ${outcome} in ${Math.round(ms)} ms (alert: ${alert}; its end: ${end})`;
}
