/** What a run comes to: its numbers, and what happened second by second. */

const secondMs = 1_000;
/** A stretch of calls in which nearly all were answered, so that one unlucky caller does not put recovery off. */
const recovered = { seconds: 10, ratio: 0.95 };

/** The numbers of one run of `simulate()`. Times in milliseconds. */
export function summary(scenario, { calls, received, upstream }) {
  const answered = calls.filter(({ outcome }) => outcome === 'answered');
  const times = answered.map(({ ms }) => ms).sort((one, other) => one - other);
  return {
    calls: calls.length,
    answered: answered.length,
    goodput: answered.length / calls.length,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    ...upstream,
    amplification: upstream.received / calls.length,
    recoveryMs: recoveryMs(scenario, calls),
    seconds: {
      offered: perSecond(
        calls.map(({ at }) => at),
        scenario,
      ),
      answered: perSecond(
        answered.map(({ at, ms }) => at + ms),
        scenario,
      ),
      received: perSecond(received, scenario),
    },
  };
}

/** Several runs as one: means of all numbers, and the least and the greatest goodput. */
export function together(runs) {
  const mean = (pick) => runs.reduce((sum, run) => sum + pick(run), 0) / runs.length;
  const numbers = Object.keys(runs[0]).filter((key) => typeof runs[0][key] === 'number');
  const lasting = runs.filter(({ recoveryMs }) => recoveryMs !== null);
  return {
    ...Object.fromEntries(numbers.map((key) => [key, mean((run) => run[key])])),
    goodputs: runs.map(({ goodput }) => goodput),
    amplifications: runs.map(({ amplification }) => amplification),
    // One run without recovery leaves no mean.
    recoveryMs: lasting.length < runs.length ? null : mean(({ recoveryMs }) => recoveryMs),
    seconds: Object.fromEntries(
      Object.keys(runs[0].seconds).map((key) => [
        key,
        runs[0].seconds[key].map((_, second) => mean(({ seconds }) => seconds[key][second])),
      ]),
    ),
  };
}

/** From the end of the trouble to the first stretch of calls that are answered as before; `null` where there is none. */
function recoveryMs({ trouble, durationMs }, calls) {
  if (trouble === undefined) return null;
  const came = perSecond(
    calls.map(({ at }) => at),
    { durationMs },
  );
  const good = perSecond(
    calls.filter(({ outcome }) => outcome === 'answered').map(({ at }) => at),
    { durationMs },
  );
  const sum = (counts, from) => counts.slice(from, from + recovered.seconds).reduce((all, count) => all + count, 0);
  const end = Math.ceil(trouble.untilMs / secondMs);
  for (let second = end; second + recovered.seconds <= came.length; second += 1) {
    if (sum(good, second) >= recovered.ratio * sum(came, second)) return (second - end) * secondMs;
  }
  return null;
}

/** How many of the times fall into each second of the run. */
function perSecond(times, { durationMs }) {
  const counts = Array.from({ length: Math.ceil(durationMs / secondMs) }, () => 0);
  for (const time of times) {
    const second = Math.floor(time / secondMs);
    if (second < counts.length) counts[second] += 1;
  }
  return counts;
}

/** By nearest rank. */
function quantile(sorted, share) {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
