import { ConfigError, type Environment, loadConfig } from '../config/load.js';

/** `ripstop config check`. Exit code 0 for a configuration that can be used, 2 for one that cannot. */
export async function checkConfig(
  file: string,
  { json }: { readonly json?: true },
  environment: Environment,
): Promise<number> {
  const problems = await problemsOf(file, environment);
  if (json) console.log(JSON.stringify({ file, valid: problems.length === 0, problems }));
  else if (problems.length === 0) console.log(`${file}: can be used`);
  else
    console.error(
      [`${file}: ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}`, ...problems].join('\n  '),
    );
  return problems.length === 0 ? 0 : 2;
}

async function problemsOf(file: string, environment: Environment): Promise<readonly string[]> {
  try {
    await loadConfig(file, environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
