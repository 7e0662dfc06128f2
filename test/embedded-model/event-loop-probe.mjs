/** Looks every 50 ms whether the event loop turns. Forked, it watches itself and tells what it saw when asked. */

const everyMs = 50;

/** @type {{ stallMs: number, busyMs: number }} */
let longest = { stallMs: 0, busyMs: 0 };

/**
 * The longest delay since the watch began, and the longest time that the process was itself at work during a delay: the
 * difference is waiting for a processor that somebody else had. Milliseconds.
 */
export function longestStall() {
  return longest;
}

/** Begins the watch anew; returns the function that ends it. */
export function watchStalls() {
  longest = { stallMs: 0, busyMs: 0 };
  let expected = performance.now() + everyMs;
  let before = process.cpuUsage();
  const timer = setInterval(() => {
    const now = performance.now();
    const { user, system } = process.cpuUsage(before);
    const stallMs = now - expected;
    const busyMs = Math.min(stallMs, (user + system) / 1_000);
    longest = { stallMs: Math.max(longest.stallMs, stallMs), busyMs: Math.max(longest.busyMs, busyMs) };
    expected = now + everyMs;
    before = process.cpuUsage();
  }, everyMs);
  return () => clearInterval(timer);
}

if (process.argv[1] === import.meta.filename && process.send !== undefined) {
  watchStalls();
  process.on('message', () => process.send?.(longest));
  process.on('disconnect', () => process.exit(0));
}
