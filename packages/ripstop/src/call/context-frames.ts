/** The scopes around the running code, each with its facts. */
import { surroundings } from './async-storage.js';

/** Facts about what is being done: `{ model: 'small', inputLength: 120 }`. Never a prompt, an answer or a key. */
export interface ContextFields {
  /** Ties together everything that is said about one request. One that is malformed is passed over. */
  readonly correlationId?: string | undefined;
  /** What is being done, for log lines: "Error in {operation}". */
  readonly operation?: string | undefined;
  readonly [fact: string]: unknown;
}

/** A scope's facts. Immutable, so that whoever holds one sees what was true when it was entered. */
export interface Frame {
  readonly fields: ContextFields;
  readonly parent: Frame | undefined;
}

/** The innermost scope around the running code. */
export function currentFrame(): Frame | undefined {
  return surroundings() as Frame | undefined;
}

/** The correlation id of the request that the running code belongs to, if it belongs to one. */
export function currentCorrelationId(): string | undefined {
  let frame = currentFrame();
  while (frame !== undefined && frame.fields.correlationId === undefined) frame = frame.parent;
  return frame?.fields.correlationId;
}

/** All facts, those of the inner scopes winning. */
export function allOf(innermost: Frame | undefined): ContextFields {
  const chain: ContextFields[] = [];
  for (let frame = innermost; frame !== undefined; frame = frame.parent) chain.unshift(frame.fields);
  return Object.assign({}, ...chain) as ContextFields;
}
