import { type Judgement, listed, met, missing, notApplicable, unknown } from './finding.js';
import { namesOf, type Seen } from './seen.js';

const limiting = ['bulkhead', 'adaptive-limit', 'rate-limit', 'throttle'];

export const serviceRules = {
  body_limits({ limits, cords }: Seen): Judgement {
    const open = [limits, ...cords.map((cord) => cord.limits)].some(({ bodyLimitBytes, bodyTimeoutMs }) => {
      return !Number.isFinite(bodyLimitBytes) || !Number.isFinite(bodyTimeoutMs);
    });
    if (open) return missing('A body may be endless in size or time', 'Give bodyLimitBytes and bodyTimeoutMs a number');
    return met(`${limits.bodyLimitBytes} bytes within ${limits.bodyTimeoutMs} ms`);
  },

  deadlines({ options }: Seen): Judgement {
    if (Number.isFinite(options.deadlineMs)) return met(`${options.deadlineMs} ms; a caller may ask for less`);
    return missing('Only who sends X-Request-Timeout-Ms has a deadline', 'Give the chute a deadlineMs');
  },

  concurrency({ working }: Seen): Judgement {
    if (working.length === 0) return notApplicable('No cord takes anything from a caller');
    const open = working.filter(({ layers }) => !limiting.some((limit) => layers.includes(limit)));
    if (open.length === 0) return met('Every cord that takes something has a limit');
    return missing(`Without a limit: ${listed(namesOf(open))}`, 'Give the cord a concurrency');
  },

  guard({ options, cords }: Seen): Judgement {
    const open = options.guard === undefined ? cords.filter((cord) => cord.guard === undefined) : [];
    if (cords.length > 0 && open.length === 0) return met('Every cord has a guard');
    if (cords.length === 0) return notApplicable('There are no cords');
    return unknown(
      `Open to everybody, as far as can be seen: ${listed(open.map(({ name }) => name))}`,
      'Give the chute a guard, unless what stands in front of it asks already',
    );
  },

  cors({ options }: Seen): Judgement {
    const origins = options.cors?.origins;
    if (origins === undefined) return notApplicable('No page may call from a browser');
    if (origins !== '*') return met('Pages are named');
    return unknown('Every page may call', 'Name the pages in cors.origins, unless that is meant');
  },

  drain({ listening }: Seen): Judgement {
    if (listening) return met('listen() lets requests end before it stops');
    return unknown(
      'The chute is not served by its own listen(), as far as can be seen',
      'Where another server stands in front: close it first, then call app.stop()',
    );
  },
};
