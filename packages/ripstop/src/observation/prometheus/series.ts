import type { Family } from './families.js';
import { type LabelNames, other } from './label-names.js';

/** Which names a label may say: one set for all metrics that have the label. */
export type NamesOf = (label: string) => LabelNames;

interface Dimension<Label> {
  readonly name: Label;
  readonly admit: (value: string) => string;
}

/** The values of the first labels, and of the next one all that were seen. */
export interface Branch {
  readonly labels: Readonly<Record<string, string>>;
  readonly next: Map<string, Branch>;
}

/** However the values are combined, one metric has no more series than about this. */
const mostBranches = 5_000;

/**
 * The series of one metric: for the labels that come, the labels that are admitted, always in the same object. One map a
 * label, so that on the way nothing is joined or made; what is not admitted is not kept.
 */
export class Series<Label extends string> {
  private readonly dimensions: readonly Dimension<Label>[];
  private readonly root: Branch = { labels: {}, next: new Map() };
  private branches = 0;

  constructor({ labels }: Family<Label>, namesOf: NamesOf) {
    this.dimensions = (Object.keys(labels) as Label[]).map((name) => {
      const values = labels[name];
      if (values === 'names') {
        const names = namesOf(name);
        return { name, admit: (value) => names.admit(value) };
      }
      const closed = new Set(values);
      return { name, admit: (value) => (closed.has(value) ? value : other) };
    });
  }

  of(wanted: Readonly<Record<Label, string>>): Readonly<Record<string, string>> {
    return this.at(wanted).labels;
  }

  /** The same object for the same series. */
  at(wanted: Readonly<Record<Label, string>>): Branch {
    let branch = this.root;
    for (const dimension of this.dimensions) {
      const value = wanted[dimension.name];
      branch = branch.next.get(value) ?? this.admitted(branch, dimension, value);
    }
    return branch;
  }

  private admitted(branch: Branch, { name, admit }: Dimension<Label>, wanted: string): Branch {
    const value = this.branches < mostBranches ? admit(wanted) : other;
    const known = branch.next.get(value);
    if (known !== undefined) return known;
    const made: Branch = { labels: { ...branch.labels, [name]: value }, next: new Map() };
    branch.next.set(value, made);
    this.branches += 1;
    return made;
  }
}

/** Every combination of what the labels may say, of names those that are known. */
export function combinations({ labels }: Family, namesOf: NamesOf): Readonly<Record<string, string>>[] {
  let all: Record<string, string>[] = [{}];
  for (const [name, values] of Object.entries(labels)) {
    const each = values === 'names' ? namesOf(name).known : values;
    all = all.flatMap((labels) => each.map((value) => ({ ...labels, [name]: value })));
  }
  return all;
}
