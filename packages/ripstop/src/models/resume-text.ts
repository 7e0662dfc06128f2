/** What a reader has of an answer, and what of another answer is new to him. */

/** So many pieces are joined at a time: a text of a million additions would weigh many times its letters. */
const piecesAtATime = 256;

/** A text that grows up to a limit, counted in UTF-16 units; one that outgrows it is forgotten. */
export class SentText {
  private readonly maxLength: number;
  private joined = '';
  private pieces: string[] = [];
  private total = 0;

  constructor(maxLength: number) {
    this.maxLength = maxLength;
  }

  add(piece: string): void {
    this.total += piece.length;
    if (this.forgotten) {
      this.joined = '';
      this.pieces = [];
      return;
    }
    this.pieces.push(piece);
    if (this.pieces.length >= piecesAtATime) this.join();
  }

  /** How much has been added, forgotten or not. */
  get length(): number {
    return this.total;
  }

  get forgotten(): boolean {
    return this.total > this.maxLength;
  }

  toString(): string {
    this.join();
    return this.joined;
  }

  private join(): void {
    this.joined += this.pieces.join('');
    this.pieces = [];
  }
}

/** Takes an answer piece by piece, however it is cut, and gives what of it is new. */
export interface Overlap {
  /** Undefined: this answer does not go with what has been sent. */
  push(text: string): string | undefined;
  /** The answer has ended: what was kept back until it was known to be new, once; undefined as above. */
  end(): string | undefined;
}

/** An answer from its beginning: new is what follows after all of `sent`, to the letter. */
export function restartOverlap(sent: string): Overlap {
  let matched = 0;
  return {
    push(text) {
      const expected = Math.min(text.length, sent.length - matched);
      if (!sent.startsWith(text.slice(0, expected), matched)) return undefined;
      matched += expected;
      return text.slice(expected);
    },
    end: () => (matched === sent.length ? '' : undefined),
  };
}

/** So many letters as the answer began with are no chance. */
const tellingLength = 32;

/**
 * A continuation of `sent`: all of it is new. Services that overlook the text they were given begin the answer again,
 * and can be told by that: a continuation that begins as the answer began is none.
 */
export function prefillOverlap(sent: string): Overlap {
  const telling = sent.slice(0, tellingLength);
  let keptBack = '';
  let isNew = telling === '';
  return {
    push(text) {
      if (isNew) return text;
      const begin = keptBack + text;
      if (begin.startsWith(telling)) return undefined;
      isNew = !telling.startsWith(begin);
      keptBack = isNew ? '' : begin;
      return isNew ? begin : '';
    },
    end() {
      const last = keptBack;
      isNew = true;
      keptBack = '';
      return last;
    },
  };
}
