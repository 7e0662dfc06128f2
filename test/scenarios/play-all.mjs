import { openStage } from './stage.mjs';
import { playScenario } from './scenario.mjs';

/**
 * Plays scenarios at the same time: most on one stage, those that need a stage of their own each on theirs, and those
 * that are `alone` one after the other, when all others are over.
 *
 * @param {readonly import('./scenario.mjs').Scenario[]} scenarios
 * @param {(result: Awaited<ReturnType<typeof playScenario>>) => void} [over] told of each as it ends
 */
export async function playAll(scenarios, over = () => {}) {
  const tell = (result) => {
    over(result);
    return result;
  };
  const shared = scenarios.filter(({ stage }) => stage === undefined);
  const separate = scenarios.filter(({ stage }) => stage !== undefined && !stage.alone);
  const alone = scenarios.filter(({ stage }) => stage?.alone);
  const results = (await Promise.all([together(shared, tell), ...separate.map((one) => together([one], tell))])).flat();
  for (const one of alone) results.push(...(await together([one], tell)));
  const order = new Map(scenarios.map(({ id }, place) => [id, place]));
  return results.toSorted((a, b) => order.get(a.id) - order.get(b.id));
}

async function together(scenarios, tell) {
  if (scenarios.length === 0) return [];
  const stage = await openStage(scenarios, scenarios[0].stage);
  try {
    return await Promise.all(scenarios.map(async (scenario) => tell(await playScenario(scenario, stage))));
  } finally {
    await stage.close();
  }
}
