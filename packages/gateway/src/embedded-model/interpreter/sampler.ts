import type { Sampling } from '../protocol.js';

/** Below e^-30 of the likeliest a token is never drawn in practice, and need not be sorted. */
const negligible = 30;

/**
 * Chooses tokens: top-k, top-p, temperature, then chance, in llama.cpp's order, so that both runtimes draw from the
 * same distribution (by different dice).
 *
 * Source of top-p: A. Holtzman et al., The Curious Case of Neural Text Degeneration (2020).
 */
export function sampler({ temperature, topP, topK, seed }: Sampling): (logits: Float32Array) => number {
  const random = seededChance(seed);
  return (logits) => {
    const likeliest = indexOfHighest(logits);
    if (temperature === 0) return likeliest;
    const cut = logits[likeliest] - negligible * Math.max(1, temperature);
    const candidates = nucleus(rank(logits, cut).slice(0, topK === 0 ? undefined : topK), logits, topP);
    const weights = candidates.map((token) => Math.exp((logits[token] - logits[likeliest]) / temperature));
    return candidates[draw(weights, random())];
  };
}

/** @throws Error where no logit is a number: the weights or the arithmetic are broken. */
function indexOfHighest(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token += 1) if (logits[token] > logits[best]) best = token;
  if (!Number.isFinite(logits[best])) throw new Error('the model computed values that are no numbers');
  return best;
}

/** The tokens above the cut, the likeliest first, the lower number of equals. */
function rank(logits: Float32Array, cut: number): number[] {
  const tokens: number[] = [];
  for (let token = 0; token < logits.length; token += 1) if (logits[token] > cut) tokens.push(token);
  return tokens.sort((a, b) => logits[b] - logits[a] || a - b);
}

function nucleus(ranked: readonly number[], logits: Float32Array, topP: number): readonly number[] {
  if (topP >= 1) return ranked;
  const weights = ranked.map((token) => Math.exp(logits[token] - logits[ranked[0]]));
  const enough = topP * weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  const last = weights.findIndex((weight) => (sum += weight) >= enough);
  return last === -1 ? ranked : ranked.slice(0, last + 1);
}

/** The place that `chance`, in [0, 1), falls on when the weights are laid end to end. */
function draw(weights: readonly number[], chance: number): number {
  let left = chance * weights.reduce((sum, weight) => sum + weight, 0);
  const chosen = weights.findIndex((weight) => (left -= weight) < 0);
  return chosen === -1 ? 0 : chosen;
}

/** Uniform in [0, 1). Source: T. Ettinger, mulberry32 (public domain). */
function seededChance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
