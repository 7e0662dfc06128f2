import { sleep } from '../call/abort.js';
import { createContext } from '../call/root-scope.js';
import type { Runtime } from '../call/runtime.js';
import type { ChatRequest, Delta, GenerateOptions, Generation, TextModel, Usage } from '../models/text-model.js';
import { virtualRuntime } from './virtual-runtime.js';

/** One scene: what the model does when it is asked. */
export interface ScriptedScene {
  /** What it says: at once where it is asked to generate, piece by piece where it is asked to stream. */
  readonly pieces?: readonly (string | Delta)[];
  /** Time before the first piece, in milliseconds on the runtime's clock. Default: 0. */
  readonly delayMs?: number;
  /** Time between two pieces, in milliseconds. Default: 0. */
  readonly gapMs?: number;
  /** After the last piece: finish, fail, stop without a finish reason, or say nothing for ever. Default: `finish`. */
  readonly end?: 'finish' | 'stop' | 'hang' | Error;
  /** Default: `stop`. */
  readonly finishReason?: string;
  readonly usage?: Usage;
  /** Whether it stops when its signal aborts. Default: `obeyed`. */
  readonly abort?: 'obeyed' | 'ignored';
}

/** A text is an answer, an error is a failure, a scene is anything in between. */
export type ScriptedAnswer = string | Error | ScriptedScene;

/** One call, as the model received it. */
export interface ScriptedCall {
  readonly input: string | ChatRequest;
  readonly options: GenerateOptions;
}

/** A model that plays a script, and remembers what it was asked. */
export interface ScriptedModel extends TextModel {
  generate(input: string | ChatRequest, options?: GenerateOptions): Promise<Generation>;
  stream(input: string | ChatRequest, options?: GenerateOptions): AsyncGenerator<Delta, void, undefined>;
  /** What it was asked, in order. */
  readonly calls: readonly ScriptedCall[];
}

/** What else the model can do. */
export interface ScriptedModelOptions {
  readonly contextLength?: number;
  readonly countTokens?: TextModel['countTokens'];
}

/**
 * A text model that plays a script, one scene a call; the last scene repeats.
 *
 * Default runtime: a virtual one, in which delays pass only if the test holds the same one.
 *
 * @throws RangeError without a scene.
 */
export function scriptedModel(
  script: readonly ScriptedAnswer[],
  runtime: Runtime = virtualRuntime(),
  options: ScriptedModelOptions = {},
): ScriptedModel {
  if (script.length === 0) throw new RangeError('scriptedModel needs at least one scene, got none');
  const calls: ScriptedCall[] = [];

  async function* play(scene: ScriptedScene, signal: AbortSignal | undefined): AsyncGenerator<Delta, void, undefined> {
    const context = createContext({ signal: scene.abort === 'ignored' ? undefined : signal }, runtime);
    const wait = (ms: number): Promise<void> => sleep(runtime.clock, ms, context);
    if (context.aborted) throw context.reason;
    if (scene.delayMs !== undefined) await wait(scene.delayMs);
    for (const [index, piece] of (scene.pieces ?? []).entries()) {
      if (index > 0 && scene.gapMs !== undefined) await wait(scene.gapMs);
      yield typeof piece === 'string' ? { text: piece } : piece;
    }
    const { end = 'finish', finishReason = 'stop', usage } = scene;
    if (end === 'hang') await wait(Number.POSITIVE_INFINITY);
    if (end instanceof Error) throw end;
    if (end === 'finish') yield { finishReason, usage };
  }

  function next(input: string | ChatRequest, callOptions: GenerateOptions): AsyncGenerator<Delta, void, undefined> {
    const answer = script[Math.min(calls.length, script.length - 1)] as ScriptedAnswer;
    calls.push({ input, options: callOptions });
    return play(sceneOf(answer), callOptions.signal);
  }

  return {
    ...options,
    calls,
    stream: (input, callOptions = {}) => next(input, callOptions),
    async generate(input, callOptions = {}) {
      let text = '';
      let last: Delta = {};
      for await (const delta of next(input, callOptions)) {
        text += delta.text ?? '';
        last = delta;
      }
      return { text, usage: last.usage, finishReason: last.finishReason };
    },
  };
}

function sceneOf(answer: ScriptedAnswer): ScriptedScene {
  if (typeof answer === 'string') return { pieces: [answer] };
  return answer instanceof Error ? { end: answer } : answer;
}
