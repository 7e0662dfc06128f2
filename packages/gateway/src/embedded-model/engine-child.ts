/**
 * The process that a model runs in. Whatever happens in native code or to this process's memory ends here, and not in
 * the server. It holds no state worth saving, obeys its parent, and leaves when the parent is gone.
 */
import { ModelError } from 'ripstop/errors';
import type { Engine } from './engine.js';
import { generate } from './generate.js';
import { openEngine } from './open-engine.js';
import type { EngineSpec, FromEngine, ToEngine } from './protocol.js';

const heartbeatMs = 100;

const jobs = new Map<number, AbortController>();
/** Generations run one after another. */
let lane: Promise<void> = Promise.resolve();

process.on('disconnect', leave);
// Ctrl-C and a service manager's stop signal reach the whole process group; the parent still drains then, and ends us.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

await serve();

async function serve(): Promise<void> {
  let engine: Engine;
  try {
    engine = await openEngine(JSON.parse(process.argv[2] ?? '{}') as EngineSpec);
  } catch (error) {
    // The parent reads this and ends us; leaving by ourselves could overtake the message.
    return say({ type: 'failed', ...startFailure(error) });
  }
  process.on('message', (message: ToEngine) => obey(engine, message));
  const { runtime, contextLength, maxTokenLength, note } = engine;
  say({ type: 'ready', runtime, contextLength, maxTokenLength, note });
  beat();
  setInterval(beat, heartbeatMs);
}

function obey(engine: Engine, message: ToEngine): void {
  switch (message.type) {
    case 'generate': {
      const job = new AbortController();
      jobs.set(message.id, job);
      lane = lane.then(() => run(engine, message, job.signal));
      break;
    }
    case 'count':
      count(engine, message);
      break;
    case 'cancel':
      jobs.get(message.id)?.abort();
      break;
  }
}

async function run(
  engine: Engine,
  message: Extract<ToEngine, { type: 'generate' }>,
  signal: AbortSignal,
): Promise<void> {
  const { id } = message;
  try {
    const onText = (text: string): void => say({ type: 'text', id, text });
    const end = await generate(engine, message, { signal, onText });
    if (end.finishReason === 'too_long') say({ ...end, type: 'too_long', id });
    else say({ ...end, type: 'done', id });
  } catch (error) {
    say({ type: 'error', id, message: describe(error) });
  } finally {
    jobs.delete(id);
  }
}

function count(engine: Engine, { id, turns }: Extract<ToEngine, { type: 'count' }>): void {
  try {
    say({ type: 'counted', id, inputTokens: engine.encode(turns).length });
  } catch (error) {
    say({ type: 'error', id, message: describe(error) });
  }
}

function beat(): void {
  say({ type: 'heartbeat', rssMb: process.memoryUsage.rss() / 1024 ** 2 });
}

function say(message: FromEngine): void {
  // A parent that is gone cannot be told so; without a callback the write would throw.
  process.send?.(message, undefined, undefined, (error) => {
    if (error !== null) leave();
  });
}

function leave(): never {
  process.exit(0);
}

function startFailure(error: unknown): { reason: string; message: string } {
  const reason = ModelError.isInstance(error) ? error.details['reason'] : undefined;
  return { reason: typeof reason === 'string' ? reason : 'start_failed', message: describe(error) };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
