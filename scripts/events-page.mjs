/**
 * `node scripts/events-page.mjs`: writes `docs/events.md`, every event with its sentence, its level in the log and what it
 * tells, from the union in `call/events.ts` and the levels in `serving/event-lines.ts`. A test compares the page with the
 * sources, and refuses an event without a sentence.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { programOf, readSources } from './api.mjs';
import { root } from './set-up.mjs';

const unionFile = 'packages/ripstop/src/call/events.ts';
const linesFile = 'packages/ripstop/src/serving/event-lines.ts';

/** What the page says of the fields that many events have, where an event says nothing of its own. */
const common = {
  name: 'What it was named with, in its options.',
  model: 'Its name in the chain.',
  streamed: 'Did the answer come as a stream?',
  wasFallback: 'Has a model answered that stands in for another?',
  waitMs: 'How long it would have waited, or waits.',
  ms: 'How long it took, in milliseconds.',
  errorType: 'See [errors](errors.md).',
  reason: 'Why, in a word or a few.',
};

/**
 * @typedef {object} EventField
 * @property {string} name
 * @property {string} type As it is declared.
 * @property {boolean} optional
 * @property {string} line What it is; empty where its name says it.
 */

/**
 * @typedef {object} EventEntry
 * @property {string} type
 * @property {string} line Its sentence; empty where nobody wrote it down.
 * @property {string | undefined} level
 * @property {EventField[]} fields
 */

/**
 * Every event of the union, in its order.
 * @param {ReadonlyMap<string, string>} files Sources by path.
 * @returns {EventEntry[]}
 */
export function eventsOf(files) {
  const program = programOf(files, [unionFile]);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(`/${unionFile}`);
  const union = source?.statements.find((node) => ts.isTypeAliasDeclaration(node) && node.name.text === 'CallEvent');
  if (union === undefined) throw new Error(`${unionFile} has no CallEvent`);
  const levels = levelsIn(files.get(linesFile) ?? '');
  let before = union.type.pos;
  return union.type.types.map((member) => {
    // The comment stands before the bar, outside of the member itself.
    const line = sentenceIn(source.text.slice(before, member.getStart(source)));
    before = member.end;
    const properties = checker.getTypeFromTypeNode(member).getProperties();
    const type = ts.isLiteralTypeNode(typeNodeOf(properties, 'type'))
      ? typeNodeOf(properties, 'type').literal.text
      : '';
    const fields = properties
      .filter(({ name }) => name !== 'type')
      .map((property) => fieldOf(property, checker))
      .map((field) => ({ ...field, line: field.line || (common[field.name] ?? '') }));
    return { type, line, level: levels.get(type), fields };
  });
}

/**
 * The page.
 * @param {EventEntry[]} events
 */
export function eventsPage(events) {
  const areas = new Map();
  for (const event of events) {
    const area = event.type.split('.')[0];
    areas.set(area, [...(areas.get(area) ?? []), event]);
  }
  const sections = [...areas].map(([area, entries]) => [`## ${area}`, '', ...entries.flatMap(entryOf)].join('\n'));
  return [...head, ...sections].join('\n');
}

const head = [
  '# Events',
  '',
  'Written by `node scripts/events-page.mjs` from `packages/ripstop/src/call/events.ts`.',
  '',
  '## Purpose',
  '',
  'Everything that Ripstop notices is an event first. Log lines, metrics, alerts, incidents and `/status` are listeners to',
  'these events and to nothing else, and yours can be one more: `runtime.events.on(listener)` returns the function that ends',
  "it; with `{ types: ['breaker.opened'] }` behind the listener it hears these alone, and the others cost it nothing. A",
  'listener that throws changes nothing for the call: the others are told of it (`listener.failed`).',
  '',
  'Besides what stands here each event has `at`, the monotonic time of the clock in milliseconds, and an event of a call has',
  '`correlationId` and `attempt`. Durations end in `Ms` and are milliseconds. A question mark means that it may be missing.',
  'In the log the keys are in snake case.',
  '',
];

function entryOf({ type, line, level, fields }) {
  const facts = fields.map(({ name, type: told, optional, line: what }) => {
    return `- \`${name}${optional ? '?' : ''}\` (\`${told}\`)${what === '' ? '' : `: ${what}`}`;
  });
  const told = `${line} Logged at \`${level}\`${depends.has(type) ? ', or as the error is' : ''}.`;
  return [`### \`${type}\``, '', told, '', ...facts, ...(facts.length > 0 ? [''] : [])];
}

/** Those whose level `event-lines.ts` chooses by the error. */
const depends = new Set(['error.handled', 'retry.stopped']);

/** The table of levels, as the file has it. */
function levelsIn(text) {
  const table = /const levels[^{]*\{([\s\S]*?)\n\};/.exec(text)?.[1] ?? '';
  return new Map([...table.matchAll(/^ {2}'([\w.]+)': '(\w+)',$/gm)].map(([, type, level]) => [type, level]));
}

function typeNodeOf(properties, name) {
  return properties.find((property) => property.name === name)?.declarations?.[0]?.type;
}

function fieldOf(property, checker) {
  const [declaration] = property.declarations ?? [];
  const type = declaration.type.getText().replaceAll(/\s+/g, ' ');
  return {
    name: property.name,
    type: type.replace(/ \| undefined$/, ''),
    optional: declaration.questionToken !== undefined || type.endsWith(' | undefined'),
    line: ts.displayPartsToString(property.getDocumentationComment(checker)).replaceAll(/\s+/g, ' ').trim(),
  };
}

function sentenceIn(text) {
  const comment = /\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? '';
  return comment
    .replaceAll(/^\s*\* ?/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const events = eventsOf(readSources('packages/ripstop/src'));
  writeFileSync(join(root, 'docs/events.md'), eventsPage(events));
  const bare = events.filter(({ line, level }) => line === '' || level === undefined).map(({ type }) => type);
  console.log(
    `docs/events.md: ${events.length} events${bare.length > 0 ? `, without a sentence or a level: ${bare.join(' ')}` : ''}`,
  );
}
