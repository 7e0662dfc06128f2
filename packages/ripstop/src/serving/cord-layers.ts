/** What stands around a cord's handler: its slots, its own policy, its timeout, from the outside in. */
import type { Runtime } from '../call/runtime.js';
import { bulkhead } from '../policies/bulkhead.js';
import { type Policy, type PolicyOf, pipeline } from '../policies/policy.js';
import { timeout } from '../policies/timeout.js';
import type { CordOptions } from './cord.js';

/** @throws RangeError for a bad limit, or a policy that keeps another time than the chute. */
export function cordLayers(name: string, options: CordOptions, runtime: Runtime): Policy | undefined {
  const { concurrency, policy, timeoutMs } = options;
  const layers: PolicyOf<unknown>[] = [];
  if (concurrency !== undefined) {
    layers.push(
      bulkhead({ name, ...(typeof concurrency === 'number' ? { limit: concurrency } : concurrency) }, runtime),
    );
  }
  if (policy !== undefined) layers.push(policy);
  if (timeoutMs !== undefined) layers.push(timeout({ limitMs: timeoutMs }, runtime));
  // What a fallback gives instead of an answer is an answer like any other.
  return layers.length === 0 ? undefined : (pipeline(...layers) as Policy);
}
