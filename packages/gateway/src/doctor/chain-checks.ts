/** Whether the models that callers may ask for can stand a failure, and end in time. */
import type { Config, ImageConfig, ModelConfig, UpstreamConfig } from '../config/schema.js';
import { about, advised, critical, met, notApplicable, unknown, type Verdict } from './finding.js';

interface Named {
  readonly place: string;
  readonly model: ModelConfig | ImageConfig;
}

function modelsOf({ models, images }: Config): readonly Named[] {
  return [
    ...Object.entries(models).map(([name, model]) => ({ place: `models.${name}`, model })),
    ...Object.entries(images).map(([name, model]) => ({ place: `images.${name}`, model })),
  ];
}

/** All places that are well in one verdict, and each of the others in its own. */
function each(config: Config, judge: (named: Named) => Verdict | undefined, well: string): readonly Verdict[] {
  const found = modelsOf(config).flatMap((named) => {
    const verdict = judge(named);
    return verdict === undefined ? [] : [about(named.place, verdict)];
  });
  return found.length > 0 ? found : [met(well)];
}

/** A limit that is not below the whole can never be the first to end, and so protects nobody. */
export function timers(config: Config): readonly Verdict[] {
  return each(config, timersOf, 'Every limit of a try is below the limit of the whole call');
}

function timersOf({ place, model }: Named): Verdict | undefined {
  const { connect, headers, gap, total } = model.timeouts;
  const firstContent = 'firstContent' in model.timeouts ? model.timeouts.firstContent : undefined;
  const late = [
    ['connect', connect] as const,
    ['gap', gap] as const,
    ...(firstContent === undefined ? [] : [['firstContent', firstContent] as const]),
    // A picture's headers come when it is finished.
    ...(place.startsWith('images.') ? [] : [['headers', headers] as const]),
  ].filter(([, ms]) => ms >= total);
  if (late.length === 0) return hedgeOf(model);
  const names = late.map(([name, ms]) => `${name} (${ms / 1_000} s)`).join(', ');
  const verb = late.length === 1 ? 'is' : 'are';
  const found = `${names} ${verb} not below total (${total / 1_000} s): one silent upstream takes all of the time`;
  const advice = 'Leave time for the next upstream: each at most a third of total';
  // Streams are what most callers ask for, and first content is what they wait for.
  return late.some(([name]) => name === 'firstContent') ? critical(found, advice) : advised(found, advice);
}

/** A stream that has no content by then has failed, and the next upstream is asked anyway. */
function hedgeOf(model: Named['model']): Verdict | undefined {
  if (!('hedge' in model) || model.hedge === false) return undefined;
  const { after } = model.hedge;
  const { firstContent } = model.timeouts;
  if (after === undefined || after < firstContent) return undefined;
  return advised(
    `hedge.after (${after / 1_000} s) is not below firstContent (${firstContent / 1_000} s): no stream is ever hedged`,
    'Leave after out, or make it shorter than firstContent',
  );
}

export function fallbacks(config: Config): readonly Verdict[] {
  return each(
    config,
    ({ model }) => {
      if (model.chain.length > 1) return undefined;
      return advised(`${model.chain[0]} alone: when it fails, so does every request`, 'Name a second upstream');
    },
    'Every name has at least two upstreams',
  );
}

/** What takes one down takes the other down as well. */
export function independence(config: Config): readonly Verdict[] {
  return each(
    config,
    ({ model }) => {
      const seen = new Map<string, string>();
      for (const name of model.chain) {
        const service = serviceOf(config.upstreams[name]);
        const first = service === undefined ? undefined : seen.get(service);
        if (first !== undefined) return oneService(first, name);
        if (service !== undefined) seen.set(service, name);
      }
      return undefined;
    },
    'No upstream stands in for another one of the same service',
  );
}

function oneService(first: string, second: string): Verdict {
  return advised(
    `${first} and ${second} are one service: what takes one down takes both`,
    'Let the fallback be another service, or another machine',
  );
}

function serviceOf(upstream: UpstreamConfig | undefined): string | undefined {
  return upstream !== undefined && 'url' in upstream ? new URL(upstream.url).host : undefined;
}

/** A longer request can go to a larger window only where windows are known. */
export function windows(config: Config): readonly Verdict[] {
  const silent = Object.entries(config.upstreams).filter(([name, upstream]) => {
    return 'url' in upstream && upstream.contextLength === undefined && isInText(name, config);
  });
  if (silent.length === 0) return [met('Every window is declared, or known to its engine')];
  return silent.map(([name]) => {
    return about(
      `upstreams.${name}.contextLength`,
      advised(
        'Not declared: whether a prompt fits is known only when it was refused',
        'Say how many tokens the window holds',
      ),
    );
  });
}

function isInText(upstream: string, { models }: Config): boolean {
  return Object.values(models).some(({ chain }) => chain.includes(upstream));
}

/** Who can say the rest of an answer that broke off. */
export function prefill({ models, upstreams }: Config): readonly Verdict[] {
  const resumed = Object.entries(models).filter(([, { resume, chain }]) => resume && chain.length > 1);
  if (resumed.length === 0) return [notApplicable('No stream is resumed by another upstream')];
  return resumed.map(([name, { chain }]) => {
    const able = chain.filter((member) => {
      const upstream = upstreams[member];
      return upstream !== undefined && 'url' in upstream && upstream.prefill !== false;
    });
    if (able.length > 0) return about(`models.${name}`, met(`Can go on from a text: ${able.join(', ')}`));
    return about(
      `models.${name}`,
      unknown(
        'No upstream is said to go on from the beginning of an answer: a stream that breaks off is asked for anew',
        'Set prefill on those that can: true, prefix or continue_final_message',
      ),
    );
  });
}

export function unused({ models, images, upstreams }: Config): readonly Verdict[] {
  const used = new Set([...Object.values(models), ...Object.values(images)].flatMap(({ chain }) => chain));
  const idle = Object.keys(upstreams).filter((name) => !used.has(name));
  if (idle.length === 0) return [met('Every upstream is in a chain')];
  return idle.map((name) =>
    about(`upstreams.${name}`, advised('No chain names it', 'Name it in a chain, or leave it out')),
  );
}
