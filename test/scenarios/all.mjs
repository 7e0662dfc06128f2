import { failover } from './failover.mjs';
import { faultList } from './faults.mjs';
import { operations } from './operations.mjs';

/** All scenarios at their real lengths, in the order in which they are told. */
export const scenarios = [...failover('real'), ...faultList(), ...operations()];
