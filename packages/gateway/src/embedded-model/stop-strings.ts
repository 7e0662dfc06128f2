/** What of an answer may be shown. */
export interface StopFilter {
  /** Takes the next piece; returns what can no longer be the start of a stop string, and whether one was met. */
  push(text: string): { readonly text: string; readonly stopped: boolean };
  /** The answer has ended: what was held back. */
  end(): string;
}

/** Ends an answer before the string that is complete first, however the text is cut into pieces. */
export function stopFilter(stops: readonly string[]): StopFilter {
  let held = '';
  return {
    push(text) {
      held += text;
      const at = firstOf(stops, held);
      if (at !== -1) {
        const shown = held.slice(0, at);
        held = '';
        return { text: shown, stopped: true };
      }
      const keep = longestStart(stops, held);
      const shown = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return { text: shown, stopped: false };
    },
    end() {
      const rest = held;
      held = '';
      return rest;
    },
  };
}

/** Where the stop string begins that is complete first; the longest of those that end together. -1: there is none. */
function firstOf(stops: readonly string[], text: string): number {
  let start = -1;
  let end = Number.POSITIVE_INFINITY;
  for (const stop of stops) {
    const at = text.indexOf(stop);
    const endsAt = at + stop.length;
    if (at === -1 || endsAt > end || (endsAt === end && at >= start)) continue;
    start = at;
    end = endsAt;
  }
  return start;
}

/** Length of the longest end of `text` that a stop string begins with. */
function longestStart(stops: readonly string[], text: string): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length -= 1) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}
