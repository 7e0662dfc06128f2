import type { CallContext } from '../../call/call.js';
import type { Clock } from '../../call/runtime.js';
import type { HeldSince, Slots } from './slots.js';

/** How long one may stand in line, and what he is told after that. */
export interface Patience {
  /** `Infinity`: as long as the call's deadline allows. */
  readonly maxWaitMs: number;
  /** Higher goes first. Default: 0. */
  readonly priority?: number;
  readonly tooLate: () => Error;
}

/** A place in the line, given up at once by one whose time is up or who leaves (K3). */
export function waitForSlot(
  slots: Slots,
  clock: Clock,
  context: CallContext,
  { maxWaitMs, priority = 0, tooLate }: Patience,
): Promise<HeldSince> {
  return new Promise((resolve, reject) => {
    let stopListening = (): void => undefined;
    const stepOut = slots.stand({
      priority,
      admitted(slot) {
        timer?.cancel();
        stopListening();
        resolve(slot);
      },
    });
    const expire = (): void => {
      stopListening();
      stepOut();
      reject(tooLate());
    };
    // A deadline that comes first has a timer of its own.
    const timer = context.deadline - clock.now() <= maxWaitMs ? undefined : clock.after(maxWaitMs, expire);
    if (!context.abortable) return;
    stopListening = context.onAbort((reason) => {
      timer?.cancel();
      stepOut();
      reject(reason);
    });
  });
}
