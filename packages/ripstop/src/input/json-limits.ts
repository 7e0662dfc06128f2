/** How deep and how large JSON from outside may be, before and after it is parsed. */
import { assertCount, type Defaults, withDefaults } from '../call/options.js';
import { InvalidInputError } from '../errors/input-errors.js';

/** How deep and how large JSON may be. */
export interface JsonLimits {
  /**
   * How deep objects and lists may stand in each other. Default: 128, deeper than any real request, and shallow enough
   * for every validator that recurses.
   */
  readonly maxDepth?: number;
  /**
   * How many members all objects and how many items all lists may have together. Default: 100 000. A schema that
   * complains about each of some million items takes the whole process's memory for its complaints.
   */
  readonly maxFields?: number;
}

/** What holds where `JsonLimits` say nothing. */
export const jsonLimitDefaults: Defaults<JsonLimits> = { maxDepth: 128, maxFields: 100_000 };

/**
 * Holds a JSON text to its limits before it is parsed, in one pass that stops at the first breach. What is no JSON may
 * pass: that is for the parser to tell.
 *
 * @throws InvalidInputError 400 where it is nested too deep, 413 where it has too many fields.
 */
export function assertJsonText(text: string, limits: JsonLimits = {}): void {
  if (isPlainlyWithin(text, limits)) return;
  const count = counter(limits);
  let depth = 0;
  let isFirst = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === space || code === lineFeed || code === carriageReturn || code === tab) continue;
    if (code === closeList || code === closeObject) {
      depth -= 1;
      isFirst = false;
      continue;
    }
    if (isFirst || code === comma) count.fields(1);
    isFirst = code === openList || code === openObject;
    if (isFirst) count.depth((depth += 1));
    else if (code === quote) at = endOfString(text, at);
  }
}

/** Most bodies are too short for any breach, or have too few brackets. Counting those takes the engine no time. */
function isPlainlyWithin(text: string, limits: JsonLimits): boolean {
  const { maxDepth = jsonLimitDefaults.maxDepth, maxFields = jsonLimitDefaults.maxFields } = limits;
  // Every level takes a character, and every field two. Limits that make no sense are told below.
  const areCounts = Math.floor(maxDepth) === maxDepth && Math.floor(maxFields) === maxFields;
  if (!areCounts || !(maxDepth >= 1 && maxFields > text.length / 2)) return false;
  if (text.length <= maxDepth) return true;
  let left = maxDepth;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      left -= 1;
      if (left < 0) return false;
    }
  }
  return true;
}

/**
 * The same for a value that somebody else has parsed, and none of the keys through which ordinary code that copies or
 * merges values reaches the prototype of all objects.
 *
 * @throws InvalidInputError 400 where it is nested too deep or a key is forbidden, 413 where it has too many fields.
 */
export function assertJsonValue(root: unknown, limits: JsonLimits = {}): void {
  const count = counter(limits);
  let level = isContainer(root) ? [root] : [];
  for (let depth = 1; level.length > 0; depth += 1) {
    count.depth(depth);
    const below: object[] = [];
    for (const container of level) count.fields(pushContainers(container, below));
    level = below;
  }
}

const [tab, lineFeed, carriageReturn, space] = [0x09, 0x0a, 0x0d, 0x20];
const [quote, comma, backslash] = [0x22, 0x2c, 0x5c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

interface Counter {
  depth(depth: number): void;
  fields(more: number): void;
}

function counter(limits: JsonLimits): Counter {
  const { maxDepth, maxFields } = withDefaults(jsonLimitDefaults, limits);
  assertCount('maxDepth', maxDepth);
  assertCount('maxFields', maxFields);
  let fields = 0;
  return {
    depth: (depth) => {
      if (depth <= maxDepth) return;
      throw new InvalidInputError(`The JSON is nested deeper than ${maxDepth} levels`, {
        details: { max_depth: maxDepth },
      });
    },
    fields: (more) => {
      fields += more;
      if (fields <= maxFields) return;
      throw new InvalidInputError(`The JSON has more than ${maxFields} fields`, {
        status: 413,
        details: { max_fields: maxFields },
      });
    },
  };
}

/** The offset of the quote that ends the string which begins at `start`; the end of the text where none does. */
function endOfString(text: string, start: number): number {
  let at = start;
  do {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
  } while (isEscaped(text, at));
  return at;
}

function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === backslash) before -= 1;
  return (at - before) % 2 === 0;
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Adds the objects and lists that stand in `container`; returns how many fields it has. */
function pushContainers(container: object, below: object[]): number {
  if (Array.isArray(container)) {
    for (const item of container) if (isContainer(item)) below.push(item);
    return container.length;
  }
  const members: [string, unknown][] = Object.entries(container);
  for (const [key, value] of members) {
    if (key === '__proto__' || (key === 'constructor' && isContainer(value) && Object.hasOwn(value, 'prototype'))) {
      throw new InvalidInputError(`The key ${key} is not allowed`);
    }
    if (isContainer(value)) below.push(value);
  }
  return members.length;
}
