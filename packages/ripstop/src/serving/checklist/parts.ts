/**
 * Parts of Ripstop, recognised by what can be done with them: by their methods, not by the name under which somebody keeps
 * them (D126), so that a part from another copy of the package, or one of somebody's own, counts as well.
 */
import type { ModelFallbackChain } from '../../models/fallback-chain.js';
import type { TextModel } from '../../models/text-model.js';

export interface Parts {
  readonly chains: readonly ModelFallbackChain[];
  readonly models: readonly TextModel[];
  /** The layers of every policy, by name. */
  readonly policies: ReadonlySet<string>;
  readonly degradation: boolean;
  readonly errorMetrics: boolean;
  readonly healthChecker: boolean;
  /** Functions that handlers call, `sanitizeText` for example. */
  readonly functions: ReadonlySet<unknown>;
}

export function partsAmong(values: readonly unknown[]): Parts {
  const some = (...methods: readonly string[]): boolean => values.some((value) => can(value, methods));
  return {
    chains: values.filter((value): value is ModelFallbackChain => can(value, ['generateWithFallback'])),
    models: values.filter((value): value is TextModel => can(value, ['generate'])),
    policies: new Set(values.filter((value) => can(value, ['run', 'execute', 'wrap'])).flatMap(layersOf)),
    degradation: some('updateSystemLoad', 'getAdjustedParameters'),
    errorMetrics: some('recordError', 'getErrorRate'),
    healthChecker: some('registerCheck', 'runAllChecks'),
    functions: new Set(values.filter((value) => typeof value === 'function')),
  };
}

/** A pipeline is named after its layers, from the outside in. */
export function layersOf(policy: unknown): readonly string[] {
  const { name } = policy as { readonly name?: unknown };
  return typeof name === 'string' ? name.split(' > ') : [];
}

function can(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return methods.every((method) => typeof Reflect.get(value, method) === 'function');
}
