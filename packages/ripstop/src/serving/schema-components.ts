/** JSON Schemas of many cords in one OpenAPI document: their definitions are moved to where the document keeps them. */
import type { JsonSchema } from './json-schema.js';

/** The document's `components.schemas`, filled while schemas are taken in. */
export class SchemaComponents {
  readonly schemas: Record<string, unknown>;
  private readonly taken = new Map<string, string>();

  constructor(schemas: Readonly<Record<string, unknown>>) {
    this.schemas = { ...schemas };
    for (const [name, schema] of Object.entries(schemas)) this.taken.set(name, JSON.stringify(schema));
  }

  /**
   * The schema as it stands in the document. Its `$defs` (zod's `.meta({ id })` makes them) become components, and all
   * references follow. `owner` names what has no name of its own.
   */
  take(schema: JsonSchema, owner: string): JsonSchema {
    const { $schema: _, $defs = {}, ...root } = schema;
    const names = new Map<string, string>();
    for (const [name, definition] of Object.entries($defs as Record<string, unknown>)) {
      names.set(`#/$defs/${name}`, this.named(name.startsWith('__') ? `${owner}${name}` : name, definition));
    }
    // A schema that refers to itself needs a place to be referred to.
    const recursive = refersToRoot(root);
    if (recursive) names.set('#', this.named(owner, root));
    for (const [name, definition] of Object.entries($defs as Record<string, unknown>)) {
      this.schemas[names.get(`#/$defs/${name}`) as string] = rewritten(definition, names);
    }
    if (!recursive) return rewritten(root, names) as JsonSchema;
    const name = names.get('#') as string;
    this.schemas[name] = rewritten(root, names);
    return { $ref: `#/components/schemas/${name}` };
  }

  /** The name, with a number where it means something else already. The same definition of two cords is one component. */
  private named(wanted: string, definition: unknown): string {
    const text = JSON.stringify(definition);
    const plain = wanted.replace(/[^\w.-]/g, '_');
    let name = plain;
    for (let count = 2; (this.taken.get(name) ?? text) !== text; count += 1) name = `${plain}_${count}`;
    this.taken.set(name, text);
    return name;
  }
}

/** These hold the author's data, in which a `$ref` is no reference. */
const dataKeys: ReadonlySet<string> = new Set(['default', 'const', 'enum', 'examples', 'example']);

function rewritten(node: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(node)) return node.map((item) => rewritten(item, names));
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).map(([key, value]): [string, unknown] => {
    if (key === '$ref' && typeof value === 'string') return [key, reference(value, names)];
    return [key, dataKeys.has(key) ? value : rewritten(value, names)];
  });
  return Object.fromEntries(entries);
}

function reference(value: string, names: ReadonlyMap<string, string>): string {
  const name = names.get(pointed(value));
  return name === undefined ? value : `#/components/schemas/${name}`;
}

/** A JSON pointer in a fragment is escaped twice: RFC 6901 §3 and §6. */
function pointed(value: string): string {
  try {
    return decodeURIComponent(value).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    // An author's own reference, which is left as it is.
    return value;
  }
}

function refersToRoot(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false;
  return Object.entries(node).some(([key, value]) => {
    return key === '$ref' ? value === '#' : !dataKeys.has(key) && refersToRoot(value);
  });
}
