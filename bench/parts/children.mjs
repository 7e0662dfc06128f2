/** Servers of a bench, each in a process of its own. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/**
 * Starts `node script ...args`, which joins `children`, and waits for the line in which it says its port: the first
 * group of `portIn`. `flags` are node's own.
 */
export async function start(children, script, args, portIn, flags = []) {
  const child = spawn(process.execPath, [...flags, script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const port = portIn.exec(line)?.[1];
    if (port === undefined) continue;
    child.stdout.resume();
    return { url: `http://127.0.0.1:${port}`, pid: child.pid };
  }
  throw new Error(`${script} ended before it said its port`);
}
