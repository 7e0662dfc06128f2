import { safeGenerate, safeGenerateStream } from '../../models/safe-generate.js';
import { safeGenerateImage } from '../../models/safe-generate-image.js';
import { type Judgement, listed, met, missing, notApplicable, unknown } from './finding.js';
import { hasLayer, howToShow, named, namesOf, type Seen } from './seen.js';

const limits = ['timeout', 'deadline'];

export const modelRules = {
  guarded_model_calls({ cords }: Seen): Judgement {
    if (cords.length === 0) return notApplicable('There are no cords');
    return met('Whatever a handler throws becomes a typed error and one answer');
  },

  memory_errors(service: Seen): Judgement {
    if (service.parts.chains.length > 0) return met('A chain asks the next model when one runs out of memory');
    if (named(service, safeGenerate, safeGenerateStream, safeGenerateImage)) {
      return met('safeGenerate, or one of its kind, was named as a part: it asks for less, once');
    }
    return unknown('No part that knows what to do was seen', howToShow(service, 'safeGenerate'));
  },

  inference_timeouts({ working, options }: Seen): Judgement {
    if (working.length === 0) return notApplicable('No cord takes anything from a caller');
    if (Number.isFinite(options.deadlineMs)) return met(`Every request ends within ${options.deadlineMs} ms`);
    const endless = working.filter(({ layers }) => !limits.some((limit) => layers.includes(limit)));
    if (endless.length === 0) return met('Every cord that takes something has a limit in time');
    return missing(
      `Without a limit: ${listed(namesOf(endless))}`,
      'Give the cord a timeoutMs, or the chute a deadlineMs',
    );
  },

  context_length(service: Seen): Judgement {
    const { models } = service.parts;
    const told = models.filter(({ contextLength }) => contextLength !== undefined);
    if (models.length > 0 && told.length === models.length) {
      return met(`${models.length === 1 ? 'The model declares' : `All ${models.length} models declare`} a window`);
    }
    if (told.length < models.length) {
      return missing(
        `${models.length - told.length} of ${models.length} models do not say how large their window is`,
        'Declare contextLength on the model; safeGenerate and chains then measure before they send',
      );
    }
    return unknown('No model was seen', howToShow(service, 'model'));
  },

  fallback_models(service: Seen): Judgement {
    const [chain] = service.parts.chains.toSorted((a, b) => b.models.length - a.models.length);
    if (chain !== undefined) {
      const names = chain.models.map(({ name }) => name);
      if (names.length > 1) return met(`A chain of ${names.length} models: ${listed(names)}`);
      return missing(
        'A chain of one model has nothing to fall back to',
        'Add one: chain.addFallbackModel(model, name)',
      );
    }
    if (hasLayer(service, 'fallback')) return met('A fallback policy stands in for what fails');
    return unknown('No chain and no fallback policy was seen', howToShow(service, 'chain'));
  },
};
