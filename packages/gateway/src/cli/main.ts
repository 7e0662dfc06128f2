import './engine.js';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { parseDuration } from '../config/units.js';
import { version } from '../version.js';
import { alertTest, type AlertTestOptions } from './alert-test.js';
import { chaos, type ChaosCommandOptions, chaosHelp } from './chaos.js';
import { checkConfig } from './config-check.js';
import { doctor, type DoctorCommandOptions } from './doctor.js';
import { serve } from './serve.js';

/** The command line did not work out: a mistake in its words, in the configuration, or in the start. */
const failed = 1;
const misused = 2;

const program = new Command('ripstop')
  .description('A gateway that keeps one failing model call from tearing the service around it.')
  .version(version, '-v, --version')
  .showHelpAfterError('(ripstop --help lists the commands)')
  .exitOverride();

program
  .command('serve')
  .description('start the gateway; with no configuration: this machine only, on the embedded model')
  .option('-c, --config <file>', 'a YAML configuration (default: RIPSTOP_CONFIG, if set)')
  .option('-p, --port <number>', 'the port to listen on (default: PORT, then the configuration, then 8787)', portNumber)
  .option(
    '--host <address>',
    'the address to listen on (default: RIPSTOP_HOST, then the configuration, then 127.0.0.1)',
  )
  .option('--log-level <level>', 'debug, info, warn or error', 'info')
  .action(async (options: Parameters<typeof serve>[0]) => {
    process.exitCode = await serve(options, process.env);
  });

const config = program.command('config').description('work with a configuration file');
config
  .command('check <file>')
  .description('say what is wrong with a configuration, and how to mend it')
  .option('--json', 'print the result as JSON')
  .action(async (file: string, options: { readonly json?: true }) => {
    process.exitCode = await checkConfig(file, options, process.env);
  });

const alert = program.command('alert').description('work with the sinks of alerts');
alert
  .command('test')
  .description('send a test alert and its end to each sink, and say what came back')
  .option('-c, --config <file>', 'a YAML configuration (default: RIPSTOP_CONFIG, if set)')
  .option('--sink <name>', 'this sink only')
  .option('--json', 'print the result as JSON')
  .action(async (options: AlertTestOptions) => {
    process.exitCode = await alertTest(options, process.env);
  });

program
  .command('doctor')
  .description('hold a configuration against what keeps a gateway on its feet, and say what to do')
  .option('-c, --config <file>', 'a YAML configuration (default: RIPSTOP_CONFIG, if set)')
  .option('--offline', 'ask no upstream whether it answers')
  .option('--json', 'print the result as JSON')
  .action(async (options: DoctorCommandOptions) => {
    process.exitCode = await doctor(options, process.env);
  });

program
  .command('chaos')
  .description('a misbehaving OpenAI-compatible upstream, for tests of what stands in front of it')
  .option('-p, --port <number>', 'the port to listen on, on this machine only; 0 takes any (default: 9100)', portNumber)
  .option('--scene <scene>', 'a named scene or a list of faults (default: ok)')
  .option('--script <file>', 'a YAML or JSON file of scenes')
  .option('--close-idle <duration>', 'close connections that are idle for so long (default: 5s)', durationMs)
  .option('--json', 'print every line as JSON')
  .addHelpText('after', chaosHelp)
  .action(async (options: ChaosCommandOptions) => {
    process.exitCode = await chaos(options);
  });

function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration with its unit, such as 500ms or 5s.');
  return ms;
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
  return port;
}

try {
  if (process.argv.length <= 2) program.outputHelp();
  else await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : misused;
  else {
    console.error(`ripstop: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = failed;
  }
}
