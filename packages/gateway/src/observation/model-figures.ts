/** What models took and gave lately: times and tokens, from their answers. */
import type { Events, ReportedEvent } from 'ripstop';

/** Answers of one model that its percentiles are taken over. */
const windowSize = 512;

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}

/** One model, as `/status` tells of it. Times are of its last answers, counts since the start. */
export interface ModelFigures {
  readonly answers: number;
  readonly failures: number;
  /** Until the end of the answer. */
  readonly latency_ms: Percentiles | null;
  /** Until the first content of a stream. */
  readonly first_content_ms: Percentiles | null;
  readonly tokens: { readonly input: number; readonly output: number };
}

/** Listens to answers of the models that are named, and of no other. */
export class ModelWatch {
  private readonly models: ReadonlyMap<string, Tally>;
  private readonly off: () => void;

  constructor(names: readonly string[], events: Events) {
    this.models = new Map(names.map((name) => [name, new Tally()]));
    this.off = events.on((event) => this.hear(event), { name: 'status', types: ['model.failed', 'model.answered'] });
  }

  figures(): Record<string, ModelFigures> {
    return Object.fromEntries([...this.models].map(([name, tally]) => [name, tally.figures()]));
  }

  close(): void {
    this.off();
  }

  private hear(event: ReportedEvent): void {
    if (event.type === 'model.failed') this.models.get(event.model)?.failed();
    else if (event.type === 'model.answered') this.models.get(event.model)?.answered(event);
  }
}

type Answered = Extract<ReportedEvent, { type: 'model.answered' }>;

class Tally {
  private answers = 0;
  private failures = 0;
  private input = 0;
  private output = 0;
  private readonly latency = new LastValues(windowSize);
  private readonly firstContent = new LastValues(windowSize);

  failed(): void {
    this.failures += 1;
  }

  answered({ ms, firstContentMs, inputTokens = 0, outputTokens = 0 }: Answered): void {
    this.answers += 1;
    this.input += inputTokens;
    this.output += outputTokens;
    this.latency.add(ms);
    if (firstContentMs !== undefined) this.firstContent.add(firstContentMs);
  }

  figures(): ModelFigures {
    const { answers, failures, input, output } = this;
    return {
      answers,
      failures,
      latency_ms: this.latency.percentiles(),
      first_content_ms: this.firstContent.percentiles(),
      tokens: { input, output },
    };
  }
}

/** The last so many numbers. */
class LastValues {
  private readonly values: Float64Array;
  private count = 0;

  constructor(size: number) {
    this.values = new Float64Array(size);
  }

  add(value: number): void {
    this.values[this.count % this.values.length] = value;
    this.count += 1;
  }

  /** By nearest rank, in whole numbers; `null` where there are none. */
  percentiles(): Percentiles | null {
    if (this.count === 0) return null;
    const sorted = this.values.slice(0, this.count).toSorted();
    const at = (share: number): number => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
    return { p50: at(0.5), p95: at(0.95) };
  }
}
