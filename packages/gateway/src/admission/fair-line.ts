/** Somebody in line. */
export interface Place {
  /** Whose turn it takes: one per caller. */
  readonly key: string;
  /** Lower goes first among those of one turn. Time of arrival, less what priority is worth. */
  readonly rank: number;
}

/** The places of one key, by rank, and the round in which it is its turn. */
interface KeyLine<P> {
  round: number;
  readonly places: P[];
}

/**
 * The line before the gate. Each key in turn: a key gets one place a round, so that a caller with a hundred requests
 * does not keep one with a single request waiting. Within a turn, and among the requests of a key, the lower rank goes
 * first.
 *
 * Source of the turns: round robin between flows, as in J. Nagle, On packet switches with infinite storage (RFC 970),
 * with start tags as in P. Goyal et al., Start-time Fair Queueing (SIGCOMM 1996), for requests of equal cost.
 */
export class FairLine<P extends Place> {
  private readonly lines = new Map<string, KeyLine<P>>();
  private round = 0;
  private count = 0;

  get length(): number {
    return this.count;
  }

  add(place: P): void {
    let line = this.lines.get(place.key);
    if (line === undefined) {
      line = { round: this.round, places: [] };
      this.lines.set(place.key, line);
    }
    // Turns that a key let pass are not saved up.
    line.round = Math.max(line.round, this.round);
    const behind = line.places.findLastIndex(({ rank }) => rank <= place.rank);
    line.places.splice(behind + 1, 0, place);
    this.count += 1;
  }

  /** Does nothing for one who is not in line. */
  remove(place: P): void {
    const places = this.lines.get(place.key)?.places ?? [];
    const index = places.indexOf(place);
    if (index < 0) return;
    places.splice(index, 1);
    this.count -= 1;
  }

  /** Takes out whose turn it is. */
  next(): P | undefined {
    let first: KeyLine<P> | undefined;
    for (const [key, line] of this.lines) {
      if (line.places.length === 0) {
        // A key that has had its turn in this round is remembered until the round is over.
        if (line.round <= this.round) this.lines.delete(key);
      } else if (first === undefined || isBefore(line, first)) first = line;
    }
    const place = first?.places.shift();
    if (first === undefined || place === undefined) return undefined;
    this.round = first.round;
    first.round += 1;
    this.count -= 1;
    return place;
  }

  /**
   * Who has to go when there is no room for `newcomer`: of the keys that would have most places, the last one. Undefined
   * where that is the newcomer. A caller who fills the line makes room for the others, and not they for him.
   *
   * Source: drop from the longest queue, P. McKenney, Stochastic Fairness Queueing (1990).
   */
  dispensable(newcomer: Place): P | undefined {
    let last: P | undefined;
    let { rank } = newcomer;
    let most = (this.lines.get(newcomer.key)?.places.length ?? 0) + 1;
    for (const [key, { places }] of this.lines) {
      const place = places.at(-1);
      if (place === undefined) continue;
      const length = key === newcomer.key ? places.length + 1 : places.length;
      if (length > most || (length === most && place.rank > rank)) {
        last = place;
        rank = place.rank;
        most = length;
      }
    }
    return last;
  }
}

function isBefore<P extends Place>(one: KeyLine<P>, other: KeyLine<P>): boolean {
  if (one.round !== other.round) return one.round < other.round;
  return (one.places[0]?.rank ?? 0) < (other.places[0]?.rank ?? 0);
}
