/** Chance that belongs to what it decides: every contender meets the same callers, and the same luck per attempt. */
import { seededRandom } from 'ripstop/testing';

/** Chance for one purpose, told apart from all others by the numbers that name it. */
export function chanceOf(...names) {
  let hash = 0x811c9dc5;
  for (const name of names) {
    // FNV-1a over the four bytes of each number, so that neighbours have nothing in common.
    for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((name >>> shift) & 0xff), 0x01000193);
  }
  const random = seededRandom(hash);
  // The first number of neighbouring seeds is still alike.
  random();
  return random;
}

/** Time to the next event of a Poisson process, in milliseconds. */
export function exponentialMs(random, perSecond) {
  return (-Math.log(1 - random()) / perSecond) * 1_000;
}

/** Log-normal, by its median. Source: G. Box and M. Muller (1958) for the normal number. */
export function logNormal(random, { median, sigma }) {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return median * Math.exp(sigma * normal);
}
