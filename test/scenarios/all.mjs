import { failover } from './failover.mjs';

/** All scenarios at their real lengths, in the order in which they are told. */
export const scenarios = [...failover('real')];
