/** What the type of a chute knows of its cords, for the client that is typed by it. */
import type { OutputOf, StandardSchema } from '../input/issues.js';
import type { CordMethod } from './cord.js';
import type { ExchangeResponse } from './exchange.js';

/** One cord, as its callers see it. */
export interface CordType {
  readonly method: CordMethod;
  readonly path: string;
  /** What is sent: the schema's input. */
  readonly input: unknown;
  /** What comes back: a JSON value, or an async iterable of them. */
  readonly output: unknown;
}

/** The cords of a chute by name. */
export type CordTypes = Readonly<Record<string, CordType>>;

/** For types only: where a chute's type keeps its cords. */
declare const cordTypes: unique symbol;

/** What `createClient` is typed by: `typeof app`. */
export interface TypedService<Cords = unknown> {
  readonly [cordTypes]?: Cords;
}

/** What a schema takes. */
type InputOf<Schema extends StandardSchema> = NonNullable<Schema['~standard']['types']>['input'];

/** What a handler gets: what the schema makes of the input. */
export type HandlerInput<Schema> = Schema extends StandardSchema ? OutputOf<Schema> : unknown;

/** What a caller sends. */
export type CallerInput<Schema> = Schema extends StandardSchema ? InputOf<Schema> : unknown;

/** What a handler may return: what its output schema takes, whole, later, or as a stream. */
export type HandlerResult<Schema> = Schema extends StandardSchema ? Eventually<InputOf<Schema>> : unknown;

type Eventually<T> = Plain<T> | Promise<Plain<T>>;
type Plain<T> = T | AsyncIterable<T> | ExchangeResponse;

/** What a caller gets back. */
export type CallerOutput<Schema, Result> = Schema extends StandardSchema
  ? Awaited<Result> extends AsyncIterable<unknown>
    ? AsyncIterable<OnTheWire<OutputOf<Schema>>>
    : OnTheWire<OutputOf<Schema>>
  : AnswerOf<Awaited<Result>>;

type AnswerOf<Value> =
  Value extends AsyncIterable<infer Item>
    ? AsyncIterable<OnTheWire<Item>>
    : Value extends ExchangeResponse
      ? unknown
      : OnTheWire<Value>;

/** A value after `JSON.stringify` and `JSON.parse`. */
export type OnTheWire<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends { toJSON(): infer Json }
    ? Json
    : T extends (...args: never[]) => unknown
      ? never
      : T extends object
        ? { [Key in keyof T]: OnTheWire<T[Key]> }
        : T;
