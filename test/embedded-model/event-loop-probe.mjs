/** Looks every 50 ms whether the event loop turns. Forked, it watches itself and tells its longest stall when asked. */

const everyMs = 50;
let longest = 0;

/** The longest delay since the watch began, in milliseconds. */
export function longestStall() {
  return longest;
}

/** Begins the watch anew; returns the function that ends it. */
export function watchStalls() {
  longest = 0;
  let expected = performance.now() + everyMs;
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - expected);
    expected = now + everyMs;
  }, everyMs);
  return () => clearInterval(timer);
}

if (process.argv[1] === import.meta.filename && process.send !== undefined) {
  watchStalls();
  process.on('message', () => process.send?.(longest));
  process.on('disconnect', () => process.exit(0));
}
