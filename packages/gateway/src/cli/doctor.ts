import { ConfigError, type Environment } from '../config/load.js';
import { type Diagnosis, examine } from '../doctor/doctor.js';
import type { DoctorFinding } from '../doctor/finding.js';
import { configured } from './serve.js';

export interface DoctorCommandOptions {
  readonly config?: string;
  readonly offline?: true;
  readonly json?: true;
}

/**
 * `ripstop doctor`: what is well, what is missing, and what to do. Exit code 0 without a critical finding, 1 with one, 2 for
 * a configuration that cannot be used.
 */
export async function doctor(options: DoctorCommandOptions, environment: Environment): Promise<number> {
  let diagnosis: Diagnosis;
  try {
    const config = await configured(options, environment);
    diagnosis = await examine(config, { network: options.offline ? 'offline' : 'asked' });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (options.json) console.log(JSON.stringify({ usable: false, problems: error.problems }));
    else console.error(['ripstop: the configuration cannot be used', ...error.problems].join('\n  '));
    return 2;
  }
  console.log(options.json ? JSON.stringify({ usable: true, ...diagnosis }) : report(diagnosis));
  return diagnosis.critical === 0 ? 0 : 1;
}

function report({ configuration, checklist, critical }: Diagnosis): string {
  const all = [...configuration, ...checklist];
  const count = (status: DoctorFinding['status']): number => all.filter((finding) => finding.status === status).length;
  const grave = critical === 1 ? '1 critical finding' : `${critical} critical findings`;
  return [
    'Configuration',
    ...configuration.flatMap(lines),
    '',
    'Checklist',
    ...checklist.flatMap(lines),
    '',
    `${grave}; ${count('met')} met, ${count('missing')} missing, ${count('unknown')} not known`,
  ].join('\n');
}

const marks: Readonly<Record<DoctorFinding['status'], string>> = {
  met: 'ok',
  missing: 'advice',
  not_applicable: '-',
  unknown: '?',
};

function lines({ check, about, status, severity, found, advice, page }: DoctorFinding): string[] {
  const mark = severity === 'critical' ? 'CRITICAL' : marks[status];
  const place = about === undefined ? '' : `${about}: `;
  const head = `  ${mark.padEnd(9)}${check.padEnd(24)}${place}${found}`;
  return advice === undefined ? [head] : [head, `${' '.repeat(11)}${advice} (${page})`];
}
