import { type CallContext, CallScope } from './call.js';
import { afterCompletedOutcomes } from './completed-first.js';

// Contexts are made here, in root-scope.ts and in shared-scope.ts only, so every CallContext is a CallScope.

/** A part of `context` that can be aborted by itself: one attempt under a limit. */
export function abortable(context: CallContext): Attempt {
  return new Attempt(context as CallScope);
}

/** A part of a call whose outcome an abort ends. */
export class Attempt extends CallScope {
  /** Settle the promise that stands for it (`settleOrAbort`), where there is one. */
  declare resolve: ((value: unknown) => void) | undefined;
  declare reject: ((reason: unknown) => void) | undefined;

  constructor(parent: CallScope) {
    super(parent);
    this.resolve = undefined;
    this.reject = undefined;
  }

  /** From now on an abort rejects the promise. That takes a listener only where one can come from above. */
  settleBy(resolve: (value: unknown) => void, reject: (reason: unknown) => void): void {
    this.resolve = resolve;
    this.reject = reject;
    if (this.aborted) this.abandon(this.reason);
    else if (this.informed) this.linkUp(this.subscribed());
  }

  protected override abandon(reason: unknown): void {
    const { reject } = this;
    if (reject !== undefined) afterCompletedOutcomes(this.depth, () => reject(reason));
  }

  protected override get attentive(): boolean {
    return this.reject !== undefined || super.attentive;
  }
}

class NumberedAttempt extends Attempt {
  declare private readonly number: number;

  constructor(parent: CallScope, number: number) {
    super(parent);
    this.number = number;
  }

  override get attempt(): number {
    return this.number;
  }
}

/** The context of attempt number `attempt`. */
export function nextAttempt(context: CallContext, attempt: number): Attempt {
  return new NumberedAttempt(context as CallScope, attempt);
}
