import { hideSecrets } from '../../errors/redact.js';

/** What stands where there is nothing to name. */
export const none = 'none';
/** What stands for every name that has no place of its own. */
export const other = 'other';

const longestName = 100;

/**
 * Which names of one label have series of their own: those that are known from the start, and the first `max` others.
 * A name that is long, or looks like a key or an address, is none that an author gives.
 */
export class LabelNames {
  readonly known: readonly string[];
  private readonly admitted: Set<string>;
  private readonly most: number;

  constructor(known: readonly string[], max: number) {
    this.known = known;
    this.admitted = new Set([...known, none, other]);
    this.most = this.admitted.size + max;
  }

  /** The name, or `other`. */
  admit(name: string): string {
    if (this.admitted.has(name)) return name;
    if (this.admitted.size >= this.most || name === '' || name.length > longestName || hideSecrets(name) !== name) {
      return other;
    }
    this.admitted.add(name);
    return name;
  }
}
