import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseScene, type Step } from './scene.js';
import { namedScenes } from './scenes.js';

/** What the misbehaving upstream plays. */
export interface ChaosScript {
  /** Of the scene for requests that choose none. */
  readonly name: string;
  readonly steps: readonly Step[];
  /** Further scenes that requests may choose by name. */
  readonly scenes: ReadonlyMap<string, readonly Step[]>;
}

const steps = z.union([
  z.string(),
  z
    .array(z.string())
    .min(1)
    .transform((list) => list.join(', ')),
]);
const file = z.strictObject({
  /** For requests that choose no other. */
  default: steps.default('ok'),
  scenes: z.record(z.string().min(1), steps).default({}),
});

/** @throws RangeError for a text that is no scene. */
export function scriptOf(scene: string): ChaosScript {
  return { name: scene, steps: parseScene(namedScenes[scene] ?? scene), scenes: new Map() };
}

/**
 * A script in YAML or JSON: `{ default: "503 x2, ok", scenes: { slow: [first-token-after=20s] } }`.
 *
 * @throws Error that says what is wrong with it; the system's own where it cannot be read.
 */
export async function readScript(path: string): Promise<ChaosScript> {
  const read = file.safeParse(parse(await readFile(path, 'utf8')));
  if (!read.success) throw new RangeError(`${path}: ${z.prettifyError(read.error)}`);
  const scenes = Object.entries(read.data.scenes).map(([name, scene]) => [name, sceneOf(scene)] as const);
  return { name: 'default', steps: sceneOf(read.data.default), scenes: new Map(scenes) };
}

function sceneOf(text: string): readonly Step[] {
  return parseScene(namedScenes[text] ?? text);
}
