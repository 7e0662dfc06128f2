/** Labels of an exemplar: which call a value is of. */
export type ExemplarLabels = Readonly<Record<string, string>>;

/** OpenMetrics 1.0, "Exemplars": names and values of the labels together, in characters. */
const longestExemplar = 128;
const traceId = /^[0-9a-f]{32}$/;

/** Whether an id is that of a trace can only be told by its looks. Undefined for one that is too long to be shown. */
export function exemplarOf(correlationId: string): ExemplarLabels | undefined {
  const name = traceId.test(correlationId) ? 'trace_id' : 'correlation_id';
  return name.length + correlationId.length > longestExemplar ? undefined : { [name]: correlationId };
}
