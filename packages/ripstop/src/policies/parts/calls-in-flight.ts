/** Calls that run, sorted into those that are slow already and those that are not. */
export class CallsInFlight<C extends { readonly startedAt: number }> {
  private readonly slowMs: number;
  /** In the order of their start. */
  private readonly young = new Set<C>();
  private readonly overdue = new Set<C>();

  constructor(slowMs: number) {
    this.slowMs = slowMs;
  }

  add(call: C): void {
    this.young.add(call);
  }

  delete(call: C): void {
    if (!this.young.delete(call)) this.overdue.delete(call);
  }

  clear(): void {
    this.young.clear();
    this.overdue.clear();
  }

  /** How many have run for `slowMs` or longer; each call is moved once, so that asking is cheap. */
  slow(now: number): number {
    for (const call of this.young) {
      if (now - call.startedAt < this.slowMs) break;
      this.young.delete(call);
      this.overdue.add(call);
    }
    return this.overdue.size;
  }
}
