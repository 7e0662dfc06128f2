/** The numbers of a scenario as people read them. */

/** One row a contender, ready to print; the page shows the same. */
export function rowsOf(results) {
  return Object.entries(results).map(([contender, result]) => ({
    contender,
    'answered in time': spread(result.goodputs),
    p50: seconds(result.p50Ms),
    p99: seconds(result.p99Ms),
    'requests per call': result.amplification.toFixed(2),
    'most at once': String(Math.round(result.most)),
    'served for nobody': percent(result.wasted / result.served),
    'recovered after': result.recoveryMs === null ? '–' : seconds(result.recoveryMs),
  }));
}

/** As a table of Markdown. */
export function markdown(rows) {
  const keys = Object.keys(rows[0]);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(keys), line(keys.map(() => '---')), ...rows.map((row) => line(keys.map((key) => row[key])))].join('\n');
}

/** As plain text in columns. */
export function text(rows) {
  const keys = Object.keys(rows[0]);
  const widths = keys.map((key) => Math.max(key.length, ...rows.map((row) => row[key].length)));
  const line = (cells) =>
    cells
      .map((cell, index) => cell.padEnd(widths[index]))
      .join('  ')
      .trimEnd();
  return [
    line(keys),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map((row) => line(Object.values(row))),
  ].join('\n');
}

/** The mean, and the least and the greatest of several. */
function spread(ratios) {
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  if (ratios.length === 1) return percent(mean);
  return `${percent(mean)} (${(100 * Math.min(...ratios)).toFixed(1)}–${(100 * Math.max(...ratios)).toFixed(1)})`;
}

function percent(ratio) {
  return `${(100 * ratio).toFixed(1)} %`;
}

function seconds(ms) {
  return `${(ms / 1_000).toFixed(1)} s`;
}
