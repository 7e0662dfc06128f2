/** Everything of a service that can be seen from outside, as the rules of the checklist read it. */
import type { ErrorHandler } from '../error-handler.js';
import type { Cord } from '../cord.js';
import { type JsonSchema, jsonSchemaOf } from '../json-schema.js';
import { layersOf, type Parts, partsAmong } from './parts.js';
import type { Wiring } from './wiring.js';

export interface Seen extends Wiring {
  readonly errorHandler: ErrorHandler;
  /** Cords that take something from a caller, or do something. */
  readonly working: readonly SeenCord[];
  readonly parts: Parts;
}

export interface SeenCord {
  readonly name: string;
  readonly input: 'checked' | 'not checked';
  /** Where the input's schema can describe itself. */
  readonly schema: JsonSchema | undefined;
  /** The layers of its policies, by name. */
  readonly layers: readonly string[];
}

/** @param named Parts that handlers use, and that the service does not keep in its state. */
export function seen(
  wiring: Wiring,
  app: { readonly errorHandler: ErrorHandler; readonly state: object },
  named: readonly unknown[],
): Seen {
  return {
    ...wiring,
    errorHandler: app.errorHandler,
    working: wiring.cords.filter(({ method, input }) => method !== 'GET' || input !== undefined).map(asSeen(wiring)),
    parts: partsAmong([...Object.values(app.state), ...named]),
  };
}

function asSeen({ options }: Wiring): (cord: Cord) => SeenCord {
  const { openApi } = options;
  const convert = openApi === 'none' ? undefined : openApi?.toJsonSchema;
  return ({ name, input, jsonSchema, layers }) => ({
    name,
    input: input === undefined ? 'not checked' : 'checked',
    schema: jsonSchema.input ?? (input === undefined ? undefined : jsonSchemaOf(input, 'input', convert)),
    layers: layers === undefined ? [] : layersOf(layers),
  });
}

/** Is there such a layer around a cord, or in a policy that was seen? */
export function hasLayer({ working, parts }: Seen, ...names: readonly string[]): boolean {
  return names.some((name) => parts.policies.has(name) || working.some(({ layers }) => layers.includes(name)));
}

export function namesOf(cords: readonly SeenCord[]): string[] {
  return cords.map(({ name }) => name);
}

/** Is one of these functions called by handlers, by the word of their author? */
export function named({ parts }: Seen, ...functions: readonly unknown[]): boolean {
  return functions.some((one) => parts.functions.has(one));
}

/** How to let a part be seen that only a handler knows. */
export function howToShow({ started }: Seen, what: string): string {
  const start = started ? '' : 'Start the chute first, since its startup hooks make its state. ';
  return `${start}Keep ${what} in the chute’s state, or name it: validateImplementation(app, { parts: [${what}] })`;
}
