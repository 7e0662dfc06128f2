/**
 * Runs `work` with a runtime's clock and chance as the process's own, for a library that takes no others. cockatiel
 * looks its globals up when it uses them.
 */
export async function withGlobalTime({ clock, random }, work) {
  const { setTimeout, clearTimeout } = globalThis;
  const { now } = Date;
  const { random: realRandom } = Math;
  globalThis.setTimeout = (action, ms = 0, ...handed) => clock.after(ms, () => action(...handed));
  globalThis.clearTimeout = (timer) => timer?.cancel();
  Date.now = () => clock.date().getTime();
  Math.random = random;
  try {
    return await work();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    Date.now = now;
    Math.random = realRandom;
  }
}
