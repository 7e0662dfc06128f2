/** Which runtime is taken, where node-llama-cpp is missing, broken, or takes its process along. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemRuntime } from 'ripstop';
import { afterAll, describe, expect, test } from 'vitest';
import { modelFile } from '../../../../test/embedded-model/local-models.js';
import { EmbeddedTextModel } from './embedded-text-model.js';
import { Launcher } from './launcher.js';
import type { LocalModelOptions } from './local-model.js';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'ripstop-runtimes-'));
afterAll(() => rmSync(root, { recursive: true }));

/** The gateway's engine as it would be installed, beside a node-llama-cpp that consists of `library`. */
function installation(name: string, library?: string): (options: LocalModelOptions) => EmbeddedTextModel {
  const folder = join(root, name);
  const modules = join(folder, 'node_modules');
  mkdirSync(modules, { recursive: true });
  cpSync(path('../../dist/embedded-model'), join(folder, 'engine'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  symlinkSync(path('../../../ripstop'), join(modules, 'ripstop'));
  if (library !== undefined) {
    mkdirSync(join(modules, 'node-llama-cpp'));
    writeFileSync(
      join(modules, 'node-llama-cpp', 'package.json'),
      '{ "name": "node-llama-cpp", "type": "module", "exports": "./index.js" }',
    );
    writeFileSync(join(modules, 'node-llama-cpp', 'index.js'), library);
  }
  const files = { launcher: join(folder, 'engine/launcher-child.js'), engine: join(folder, 'engine/engine-child.js') };
  return (options) => new EmbeddedTextModel(options, { engines: new Launcher(systemRuntime.clock, files) });
}

async function answerOf(model: EmbeddedTextModel): Promise<{ text: string; runtime: unknown; note: unknown }> {
  try {
    const { text } = await model.generate('What is the capital of France?', { temperature: 0 });
    const { runtime, note } = model.health();
    return { text, runtime, note };
  } finally {
    await model.stop();
  }
}

async function startError(model: EmbeddedTextModel): Promise<unknown> {
  try {
    await model.start();
    return 'no error';
  } catch (error) {
    return error;
  } finally {
    await model.stop();
  }
}

const paris = 'The capital of France is Paris.';

describe('where node-llama-cpp is not installed', () => {
  const model = installation('missing');

  test('the embedded model runs in the interpreter, and nothing is said about it', async () => {
    expect(await answerOf(model({ engine: 'embedded' }))).toEqual({
      text: paris,
      runtime: 'interpreter',
      note: undefined,
    });
  });

  test('a file of the user ends the start with what to install', async () => {
    expect(await startError(model({ engine: 'gguf', file: modelFile }))).toMatchObject({
      errorType: 'model_loading_failed',
      isRetryable: false,
      message: 'This model needs node-llama-cpp, which is not installed: npm install node-llama-cpp@3.21.1',
      details: { reason: 'runtime_missing' },
    });
  });
});

describe('where node-llama-cpp does not load', () => {
  const model = installation('broken', "throw new Error('no binary in /opt/some/where for this machine');");

  test('the embedded model runs in the interpreter, and says why', async () => {
    expect(await answerOf(model({ engine: 'embedded' }))).toEqual({
      text: paris,
      runtime: 'interpreter',
      note: 'node-llama-cpp cannot load the model: no binary in … for this machine',
    });
  });

  test('asked for, it ends the start with its own words', async () => {
    expect(await startError(model({ engine: 'embedded', runtime: 'llama.cpp' }))).toMatchObject({
      errorType: 'model_loading_failed',
      message: 'node-llama-cpp cannot load the model: no binary in … for this machine',
      details: { reason: 'runtime_failed' },
    });
  });
});

test('where node-llama-cpp takes its process along, the interpreter takes over', async () => {
  const model = installation('deadly', 'process.abort();');
  expect(await answerOf(model({ engine: 'embedded' }))).toEqual({
    text: paris,
    runtime: 'interpreter',
    note: 'node-llama-cpp is installed, but its process ended while loading',
  });
});
