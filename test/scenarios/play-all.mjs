import { setTimeout as pause } from 'node:timers/promises';
import { playScenario } from './scenario.mjs';
import { openStage } from './stage.mjs';

/**
 * Plays scenarios at the same time: most on one stage, those that need another on theirs; and when all these are over,
 * those that must be alone, one after the other.
 *
 * @param {readonly import('./scenario.mjs').Scenario[]} scenarios
 * @param {(result: Awaited<ReturnType<typeof playScenario>>) => void} [over] told of each as it ends
 */
export async function playAll(scenarios, over = () => {}) {
  /** @type {Map<import('./scenario.mjs').StageOptions | undefined, import('./scenario.mjs').Scenario[]>} */
  const groups = new Map();
  for (const scenario of scenarios) groups.set(scenario.stage, [...(groups.get(scenario.stage) ?? []), scenario]);
  const stages = [...groups.keys()];
  const play = (options) => playGroup(groups.get(options) ?? [], options, over);
  const results = (await Promise.all(stages.filter((options) => !options?.alone).map(play))).flat();
  for (const options of stages.filter((one) => one?.alone)) results.push(...(await play(options)));
  const order = new Map(scenarios.map(({ id }, place) => [id, place]));
  return results.toSorted((a, b) => order.get(a.id) - order.get(b.id));
}

/** Between the starts of scenarios that are played at the same time: their times should be their own. */
const apartMs = 100;

async function playGroup(scenarios, options, over) {
  const stage = await openStage(scenarios, options);
  const play = async (scenario) => {
    const result = await playScenario(scenario, stage);
    over(result);
    return result;
  };
  try {
    if (!options?.alone)
      return await Promise.all(scenarios.map((one, place) => pause(place * apartMs).then(() => play(one))));
    const results = [];
    for (const scenario of scenarios) results.push(await play(scenario));
    return results;
  } finally {
    await stage.close();
  }
}
