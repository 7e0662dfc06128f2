/** A sample of OpenMetrics up to its value: name, labels, value. What follows is an exemplar, or a time stamp. */
const sample = /^[\w:]+(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})? \S+/;

/**
 * OpenMetrics 1.0 as the classic text format 0.0.4, which has no exemplars and no end mark, and where a counter is named
 * like its samples. prom-client can write either from one registry, but not both: writing OpenMetrics renames counters
 * for good.
 */
export function classicText(openMetrics: string): string {
  const counters = new Set<string>();
  for (const [, name = ''] of openMetrics.matchAll(/^# TYPE (\S+) counter$/gm)) counters.add(name);
  const lines: string[] = [];
  for (const line of openMetrics.split('\n')) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment !== null) {
      const [, kind, name = '', text] = comment;
      lines.push(`# ${kind} ${counters.has(name) ? `${name}_total` : name} ${text}`);
    } else {
      const found = sample.exec(line);
      if (found !== null) lines.push(found[0]);
    }
  }
  return `${lines.join('\n')}\n`;
}

/**
 * Does a scraper take OpenMetrics 1.0, and like it at least as much as the classic text? Sources: RFC 9110 §12.5.1;
 * OpenMetrics 1.0, "Protocol Negotiation".
 */
export function prefersOpenMetrics(accept: string | undefined): boolean {
  let open = 0;
  let classic = 0;
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const given = new Map(parameters.map((part) => part.split('=', 2).map((side) => side.trim()) as [string, string]));
    const quality = Number(given.get('q') ?? 1);
    const version = given.get('version') ?? '1.0.0';
    if (type === 'application/openmetrics-text' && version === '1.0.0') open = Math.max(open, quality);
    if (type === 'text/plain') classic = Math.max(classic, quality);
  }
  return open > 0 && open >= classic;
}
