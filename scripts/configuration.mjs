/**
 * `node scripts/configuration.mjs`: writes `docs/configuration.md`, every key of the gateway's configuration as its
 * built schema has it: type, default, and the sentence of its `.describe()`. A test compares the page with the schema.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { configSchema, laterKeys } from '../packages/gateway/dist/config/schema.js';
import { duration, size } from '../packages/gateway/dist/config/schema-units.js';
import { root } from './set-up.mjs';

const intro = `# Configuration of the gateway

Made from the schema by \`node scripts/configuration.mjs\`.

A YAML file, given by \`ripstop serve --config FILE\` or \`RIPSTOP_CONFIG\`. \`ripstop config check FILE [--json]\` says what is wrong with one
and how to mend it. Every key is optional, but for those of an entry that are marked as required; an unknown key is refused with the nearest
right one. \`\${NAME}\` reads the environment; a variable that is not set is an error that names it. Durations and sizes carry units: \`500ms\`
\`2s\` \`5m\` \`1h\`, \`512kb\` \`10mb\` \`1gb\`. [examples/ripstop.yaml](../examples/ripstop.yaml) is a file to begin with.
`;

/**
 * The page as it must be.
 *
 * @param {import('zod').ZodObject} [schema]
 * @throws Error that names the keys of which nothing is said.
 */
export function configurationPage(schema = configSchema) {
  const silent = [];
  const sections = Object.entries(schema.shape).map(([key, value]) => section(key, value, silent));
  if (silent.length > 0) throw new Error(`nothing is said of ${silent.join(', ')}: give each a .describe('…')`);
  const later = laterKeys.map((key) => `\`${key}\``).join(', ');
  const end = later === '' ? [] : [`Keys of a later version are refused until they exist: ${later}.\n`];
  return [intro, ...sections, ...end].join('\n');
}

function section(key, schema, silent) {
  const { description, standard } = unwrapped(schema);
  const usual = standard !== undefined && Object.keys(standard).length > 0 ? [`Default: \`${flow(standard)}\`.`] : [];
  const said = [description, ...usual].filter((sentence) => sentence !== undefined).join(' ');
  const tables = tablesOf(key, schema).map(({ note, rows }) => {
    for (const { place, what } of rows) if (what === '') silent.push(place);
    return [...(note === undefined || note === said ? [] : [`${note}\n`]), tableOf(rows)].join('\n');
  });
  return [`## \`${key}\`\n`, ...(said === '' ? [] : [`${said}\n`]), ...tables].join('\n');
}

/** One table for each shape that stands at this place. */
function tablesOf(place, schema) {
  const { core, shapes } = unwrapped(schema);
  if (shapes !== undefined) return joined(shapes.flatMap((shape) => tablesOf(place, shape)));
  switch (core.def.type) {
    case 'object':
      return [{ note: unwrapped(schema).description, rows: rowsOf(place, core) }];
    case 'record':
      return tablesOf(`${place}.<name>`, core.def.valueType);
    case 'union':
      return joined(core.def.options.flatMap((option) => tablesOf(place, option)));
    default:
      if (core.def.type === 'array' && isMapping(core.def.element)) return tablesOf(`${place}[]`, core.def.element);
      return [{ note: undefined, rows: [{ ...rowOf(place, schema), ...(place.includes('.') && { standard: '' }) }] }];
  }
}

/** Tables without a note of their own go on in the one before. */
function joined(tables) {
  return tables.reduce((all, { note, rows }) => {
    const last = all.at(-1);
    if (last === undefined || note !== undefined) return [...all, { note, rows }];
    return [...all.slice(0, -1), { note: last.note, rows: [...last.rows, ...rows] }];
  }, []);
}

function isMapping(schema) {
  const { core, shapes } = unwrapped(schema);
  if (shapes !== undefined) return true;
  return core.def.type === 'object' || (core.def.type === 'union' && core.def.options.some(isMapping));
}

function rowsOf(place, { shape }) {
  return Object.entries(shape).flatMap(([key, schema]) => {
    const { core, description } = unwrapped(schema);
    const own = `${place}.${key}`;
    if (core.def.type === 'object') {
      const head = { place: own, type: '', standard: '', what: description };
      return [...(description === undefined ? [] : [head]), ...rowsOf(own, core)];
    }
    const within = (inner, innerPlace) => tablesOf(innerPlace, inner).flatMap(({ rows }) => rows);
    if (core.def.type === 'array' && isMapping(core.def.element))
      return [rowOf(own, schema), ...within(core.def.element, `${own}[]`)];
    if (core.def.type === 'union') {
      // What is not said of a mapping's keys is said of the choice.
      const keys = core.def.options.filter(isMapping).flatMap((option) => within(option, own));
      return [rowOf(own, schema), ...keys.filter(({ what }) => what !== '')];
    }
    return [rowOf(own, schema)];
  });
}

function rowOf(place, schema) {
  const { description = '', standard, mayMiss } = unwrapped(schema);
  const given = standard === undefined ? (mayMiss ? '' : 'required') : shown(standard);
  return { place, type: typeOf(schema), standard: given, what: description };
}

/** The schema within its defaults and transformations, and what those say. */
function unwrapped(schema) {
  let core = schema;
  const said = { description: undefined, standard: undefined, mayMiss: false, shapes: undefined };
  for (;;) {
    const meta = core.meta() ?? {};
    said.description ??= meta.description;
    said.shapes ??= meta.shapes;
    const { type, innerType, defaultValue } = core.def;
    if (type === 'default' || type === 'prefault') said.standard ??= defaultValue;
    if (type === 'optional' || type === 'default' || type === 'prefault') said.mayMiss = true;
    if (isUnit(core) || said.shapes !== undefined) return { ...said, core };
    if (innerType !== undefined) core = innerType;
    else if (type === 'pipe') core = core.def.out.def.type === 'transform' ? core.def.in : core.def.out;
    else return { ...said, core };
  }
}

const isUnit = (schema) => schema === duration || schema === size;

function typeOf(schema) {
  const { core, shapes } = unwrapped(schema);
  if (core === duration) return 'duration';
  if (core === size) return 'size';
  const choice = (values) => either(values.map((value) => `\`${value}\``));
  if (shapes !== undefined) return either(shapes.map(typeOf));
  switch (core.def.type) {
    case 'string':
      return core.def.format === 'url' ? 'address' : 'text';
    case 'number':
      return numberType(core);
    case 'boolean':
      return choice(['true', 'false']);
    case 'enum':
      return choice(core.options);
    case 'literal':
      return choice([...core.def.values]);
    case 'array':
      return isMapping(core.def.element) ? 'list, see below' : `list of ${typeOf(core.def.element)}s`;
    case 'union':
      return either([...new Set(core.def.options.map(typeOf))].flatMap((type) => type.split(' or ')));
    case 'record':
      return `${typeOf(core.def.valueType)}s by name`;
    case 'object':
      return 'mapping';
    default:
      throw new Error(`this page does not know the type ${core.def.type}`);
  }
}

function numberType(schema) {
  const bounds = (schema.def.checks ?? []).flatMap(({ _zod: { def } }) => {
    if (def.check !== 'greater_than' && def.check !== 'less_than') return [];
    const [word, exact] = def.check === 'greater_than' ? ['above', 'from'] : ['below', 'to'];
    return [`${def.inclusive ? exact : word} ${def.value}`];
  });
  return [schema.isInt ? 'whole number' : 'number', ...bounds].join(' ');
}

function either(names) {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function shown(value) {
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return isEmpty ? 'none' : `\`${flow(value)}\``;
}

/** YAML on one line. */
function flow(value) {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{ ${Object.entries(value)
    .map(([key, item]) => `${key}: ${flow(item)}`)
    .join(', ')} }`;
}

function tableOf(rows) {
  const line = ({ place, type, standard, what }) => `| \`${place}\` | ${type} | ${standard} | ${what} |`;
  const cells = rows.map((row) => line(row).replaceAll(/\n/g, ' '));
  return `| key | type | default | what |\n| --- | --- | --- | --- |\n${cells.join('\n')}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const page = configurationPage();
  writeFileSync(join(root, 'docs/configuration.md'), page);
  console.log(`docs/configuration.md: ${page.match(/^\| `/gm)?.length} keys`);
}
