/**
 * What every command needs first: a Node that is new enough, the packages of the lock file, a build of the sources.
 * Each step looks before it works, so that a second start costs a fraction of a second. Plain Node, no packages:
 * this runs on a machine that has nothing yet.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const leastNode = [20, 19, 0];

/** Checks Node, installs what is missing, builds what has changed. Ends the process with a sentence if it cannot. */
export async function setUp() {
  requireNode();
  await install();
  await build();
}

/** A sentence for anybody whose Node is too old, before anything fails in stranger ways. */
function requireNode() {
  const version = process.versions.node;
  const parts = version.split('.').map(Number);
  const difference = leastNode.map((least, index) => parts[index] - least).find((by) => by !== 0) ?? 0;
  if (difference < 0) {
    fail(`Ripstop needs Node ${leastNode.join('.')} or newer, and this is Node ${version}. See https://nodejs.org`);
  }
}

async function install() {
  if (isInstalled()) return;
  console.log('Installing packages from the lock file (npm ci) …');
  const code = await timed('Installed', (beat) => run(...npm('ci', '--no-audit', '--no-fund'), { beat }));
  if (code !== 0) fail('npm ci failed; see above. Without a network or a registry, packages cannot be installed.');
}

/**
 * Does what npm noted as installed agree with the lock file? Optional packages may be missing: most are for other
 * platforms. An installation that broke off has no note.
 */
export function isInstalled(folder = root) {
  const note = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(note)) return false;
  const wanted = readJson(join(folder, 'package-lock.json')).packages;
  const installed = readJson(note).packages;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    const found = installed[path];
    if (path === '') return true;
    if (found === undefined) return optional === true;
    return found.version === version && found.integrity === integrity;
  });
}

/** Compiles what has changed (`tsc -b` looks for itself). @returns nothing; ends the process when it cannot. */
export async function build() {
  const code = await timed('Built', () => node(compiler, '-b'));
  if (code !== 0) fail('The build failed; see above.');
}

/** The native compiler. By path, since two packages bring a `tsc`. */
export const compiler = join(root, 'node_modules/tsc7/bin/tsc');

/** Removes what was built, so that nothing stays of files that are gone. */
export function clean() {
  for (const name of ['ripstop', 'gateway'])
    rmSync(join(root, 'packages', name, 'dist'), { recursive: true, force: true });
}

/** Runs a script with this Node. Resolves to its exit code. */
export function node(...args) {
  return run(process.execPath, args);
}

/** Runs a command in the repository, with our terminal. Resolves to its exit code. */
export function run(command, args, { beat, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env });
    const heart = beat === undefined ? undefined : setInterval(() => beat(), 10_000);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearInterval(heart);
      resolve(code ?? (signal === null ? 1 : 128));
    });
  });
}

/** Says how long `work` took, if anybody could have noticed. */
async function timed(done, work) {
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(1);
  const code = await work(() => console.log(`… still at it (${seconds()} s)`));
  if (code === 0 && performance.now() - start > 500) console.log(`${done} in ${seconds()} s.`);
  return code;
}

/** The npm that started us, or else the one on the path. */
function npm(...args) {
  const script = process.env.npm_execpath;
  return script?.endsWith('.js') ? [process.execPath, [script, ...args]] : ['npm', args];
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function fail(sentence) {
  console.error(`\n${sentence}`);
  process.exit(1);
}
