import { isLogged, loggedError, type ToldMessages } from './logged-error.js';
import { hideSecrets } from './redact.js';

/** How fields are made safe. */
export interface RedactOptions {
  /** Names whose values are hidden too, besides those of keys, prompts and answers. Case, `-` and `_` do not count. */
  readonly hide?: readonly string[] | undefined;
  /** Whose messages errors are told with. Default: `own`. */
  readonly messages?: ToldMessages | undefined;
}

const hidden = '[hidden]';
/** Names of what gives access, of what was said, and of what was answered. Numbers under them are only numbers. */
const privateNames = new Set(
  `authorization proxyauthorization cookie cookies setcookie apikey xapikey xgoogapikey secret secrets clientsecret
   password passwd passphrase token accesstoken refreshtoken idtoken authtoken sessiontoken bearer credential credentials
   privatekey dsn connectionstring
   prompt prompts negativeprompt systemprompt messages content contents input inputs output outputs
   completion completions generatedtext text answer query instructions body rawbody requestbody responsebody
   diagnostics useragent remoteaddr remoteaddress ip ipaddress xforwardedfor email`.split(/\s+/),
);
/** Values that name a call, or code of ours. */
const plainNames = new Set(['correlationid', 'traceid', 'stack', 'traceback']);
const maxDepth = 5;
/** Fields in all, so that one record stays small whatever it is given. */
const maxFields = 200;
const maxItems = 32;

/**
 * A copy of `fields` that may be logged and kept: plain JSON of bounded size, without keys, passwords, prompts and
 * answers. Values under a private name are hidden whole; texts under any other lose what has the shape of a key; errors
 * become what `loggedError` makes of them. Never throws.
 */
export function redactFields(fields: object, { hide = [], messages }: RedactOptions = {}): Record<string, unknown> {
  const names = hide.length === 0 ? privateNames : new Set([...privateNames, ...hide.map(plainName)]);
  try {
    return new Copy(names, messages).object(fields, 0);
  } catch {
    // A proxy that will not be looked at has nothing to say.
    return {};
  }
}

class Copy {
  private readonly names: ReadonlySet<string>;
  private readonly messages: ToldMessages | undefined;
  private readonly open = new Set<object>();
  private left = maxFields;

  constructor(names: ReadonlySet<string>, messages: ToldMessages | undefined) {
    this.names = names;
    this.messages = messages;
  }

  object(source: object, depth: number): Record<string, unknown> {
    const copy: Record<string, unknown> = {};
    for (const name of Object.keys(source)) {
      if (this.left <= 0) break;
      this.left -= 1;
      const value = this.field(name, read(source, name), depth);
      // As a property of its own even if it is called `__proto__`.
      if (value !== undefined) Object.defineProperty(copy, safeName(name), { value, enumerable: true });
    }
    return copy;
  }

  private field(name: string, value: unknown, depth: number): unknown {
    const plain = plainName(name);
    if (plainNames.has(plain) && typeof value === 'string') return value.slice(0, 8_000);
    const isQuiet = typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined;
    return this.names.has(plain) && !isQuiet ? hidden : this.value(value, depth + 1);
  }

  private value(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return hideSecrets(value);
    if (typeof value === 'bigint') return String(value);
    if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
    return typeof value === 'object' && value !== null ? this.nested(value, depth) : value;
  }

  private nested(value: object, depth: number): unknown {
    try {
      return wellKnown(value, this.messages) ?? this.within(value, depth);
    } catch {
      // A proxy, or a getter, that throws at whoever looks.
      return '[unreadable]';
    }
  }

  private within(value: object, depth: number): unknown {
    if (this.open.has(value)) return '[circular]';
    if (depth > maxDepth) return '[…]';
    this.open.add(value);
    const copy = this.container(value, depth);
    this.open.delete(value);
    return copy;
  }

  private container(value: object, depth: number): unknown {
    if (value instanceof Headers || value instanceof Map) return this.object(Object.fromEntries(value), depth);
    if (!Array.isArray(value) && !(value instanceof Set)) return this.object(value, depth);
    const items: unknown[] = [];
    for (const item of value as Iterable<unknown>) {
      if (items.length === maxItems || this.left <= 0) break;
      this.left -= 1;
      items.push(this.value(item, depth + 1));
    }
    return items;
  }
}

function wellKnown(value: object, messages: ToldMessages | undefined): unknown {
  if (value instanceof Error || isLogged(value)) return loggedError(value, messages);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof URL) return hideSecrets(`${value.protocol}//${value.host}${value.pathname}`);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  return undefined;
}

/** Names are ours, unless an object of somebody else's was handed in. */
function safeName(name: string): string {
  return /^[\w$.-]{1,64}$/.test(name) ? name : hideSecrets(name).slice(0, 64);
}

function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '');
}

function read(source: object, name: string): unknown {
  try {
    return (source as Record<string, unknown>)[name];
  } catch {
    // One bad getter must not hide what the others say.
    return '[unreadable]';
  }
}
