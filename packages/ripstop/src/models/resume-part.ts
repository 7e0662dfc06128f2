import { isContent } from './content-limits.js';
import type { Answer } from './fallback-member.js';
import { asChatRequest } from './resume-request.js';
import type { Overlap } from './resume-text.js';
import type { ChatRequest, Delta, Usage } from './text-model.js';
import { estimateTokens } from './token-estimate.js';

/** What one model's part of a resumed answer costs. */
export interface BilledAttempt {
  readonly model: string;
  readonly usage: Usage;
  /** `estimated`: it broke off before it could tell, so the input is estimated, and the output counted in pieces. */
  readonly counted: 'by_model' | 'estimated';
}

/** How a part after the first begins: where the text broke off, or at its beginning, which is cut off. */
export interface Resumption {
  readonly way: 'prefill' | 'restart';
  readonly overlap: Overlap;
  /** What the parts before have cost. */
  readonly before: Usage;
}

/** What a delta comes to: a delta for the reader, nothing, or the news that this part does not go with the others. */
export type Fresh = Delta | 'nothing' | 'clash';

/** One model's part of an answer. */
export class AnswerPart {
  readonly member: Answer<unknown>['member'];
  readonly startedAt: number;
  readonly source: AsyncIterator<Delta>;
  /** Undefined for the first part, all of which is new. */
  readonly resumption: Resumption | undefined;
  /** Deltas with content, those that were cut off included. */
  private pieces = 0;
  private usage: Usage | undefined = undefined;

  constructor({ member, startedAt, value }: Answer<AsyncIterable<Delta>>, resumption?: Resumption) {
    this.member = member;
    this.startedAt = startedAt;
    this.source = value[Symbol.asyncIterator]();
    this.resumption = resumption;
  }

  /** What of a delta is new. Deltas of later parts are ours: their `raw` is of another answer, and so is any reasoning. */
  fresh(delta: Delta): Fresh {
    if (isContent(delta)) this.pieces += 1;
    if (delta.usage !== undefined) this.usage = delta.usage;
    if (this.resumption === undefined) return delta;
    const { overlap, before } = this.resumption;
    const { finishReason, toolCalls } = delta;
    if (toolCalls !== undefined) return 'clash';
    const pushed = overlap.push(delta.text ?? '');
    const last = finishReason === undefined ? '' : overlap.end();
    if (pushed === undefined || last === undefined) return 'clash';
    const text = pushed + last;
    if (text === '' && finishReason === undefined && delta.usage === undefined) return 'nothing';
    return {
      ...(text === '' ? {} : { text }),
      ...(finishReason === undefined ? {} : { finishReason }),
      ...(delta.usage === undefined ? {} : { usage: sum(before, delta.usage) }),
    };
  }

  /** The source has ended, with or without a finish reason. */
  ended(): Fresh {
    const last = this.resumption?.overlap.end();
    if (this.resumption !== undefined && last === undefined) return 'clash';
    return last === undefined || last === '' ? 'nothing' : { text: last };
  }

  /** What this part has cost, told or not. */
  billed(input: string | ChatRequest): BilledAttempt {
    const { name: model } = this.member;
    if (this.usage !== undefined) return { model, usage: this.usage, counted: 'by_model' };
    const inputTokens = estimateTokens(promptOf(input) ?? asChatRequest(input));
    return { model, usage: { inputTokens, outputTokens: this.pieces }, counted: 'estimated' };
  }

  /** Never waited for: a source that hangs ends by its signal. */
  leave(): void {
    void this.source.return?.().catch(() => undefined);
  }
}

export function sum(a: Usage, b: Usage): Usage {
  return { inputTokens: a.inputTokens + b.inputTokens, outputTokens: a.outputTokens + b.outputTokens };
}

/** Of a text completion. */
function promptOf(input: string | ChatRequest): string | undefined {
  return typeof input === 'object' && typeof input['prompt'] === 'string' ? input['prompt'] : undefined;
}
