/** Two neighbouring parts of a text that may become one. */
export interface Merge {
  readonly left: number;
  readonly right: number;
  readonly score: number;
  /** Length of the joined text. It no longer agrees once either part has grown, and the merge is void. */
  readonly length: number;
}

/** The merge with the highest score first, the leftmost of equals. A binary heap. */
export class MergeQueue {
  private readonly heap: Merge[] = [];

  push(merge: Merge): void {
    const { heap } = this;
    heap.push(merge);
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(heap[at], heap[parent])) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  pop(): Merge | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ; ) {
      let best = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && before(heap[child], heap[best])) best = child;
      }
      if (best === at) return first;
      this.swap(at, best);
      at = best;
    }
  }

  private swap(a: number, b: number): void {
    [this.heap[a], this.heap[b]] = [this.heap[b], this.heap[a]];
  }
}

function before(a: Merge, b: Merge): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}
