/**
 * `node scripts/draw-pipeline.mjs`: draws `docs/policies/default-pipeline.svg`, the order of policies and the settings
 * of the default pipeline. The settings are read from its example, and a test compares the picture with what is drawn.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './set-up.mjs';

const example = 'examples/default-pipeline.mjs';
const picture = 'docs/policies/default-pipeline.svg';

const width = 960;
const margin = 24;
const inset = 14;
const headHeight = 36;
const footHeight = 8;
const top = 62;
const reasonX = 272;
const settingX = width - margin - 8 * inset;

/**
 * The settings of one policy in the example, by option.
 * @param {string} source
 * @param {string} factory
 * @returns {(option: string) => number}
 */
function settings(source, factory) {
  const text = new RegExp(`\\n    ${factory}\\(([^]*?)\\n    (?:\\w|\\),)|\\n    ${factory}\\((.*)`).exec(source);
  if (text === null) throw new Error(`${example} has no ${factory}`);
  return (option) => {
    const value = new RegExp(`\\b${option}: ([\\d_]+)`).exec(text[1] ?? text[2]);
    if (value === null) throw new Error(`${example} says nothing of ${option} in ${factory}`);
    return Number(value[1].replaceAll('_', ''));
  };
}

/**
 * Outermost first. A layer without a setting is not in the default pipeline, and drawn with a dashed line.
 * @param {string} source
 */
function layers(source) {
  const seconds = (ms) => `${ms / 1000} s`;
  const bulkhead = settings(source, 'bulkhead');
  const breaker = settings(source, 'circuitBreaker');
  const slots = Number(/slots = (\d+)/.exec(source)?.[1]);
  const queue = Number(/maxQueue: (\d+) \* slots/.exec(source)?.[1]) * slots;
  const cooldown = `${breaker('cooldownMs') / 1000} to ${seconds(breaker('maxCooldownMs'))}`;
  return [
    ['deadline', 'ends the whole call, waits and all', seconds(settings(source, 'deadline')('limitMs'))],
    ['coalesce', 'one call for all who ask the same'],
    ['fallback', 'something else, when all has failed'],
    ['retry', 'again, if error, time and budget allow', `${settings(source, 'retry')('attempts')} attempts, a budget`],
    ['rateLimit', 'no more than the service takes'],
    [
      'bulkhead',
      'a slot, or a place in the queue',
      `${slots} slots, ${queue} wait up to ${seconds(bulkhead('maxWaitMs'))}`,
    ],
    ['circuitBreaker', 'not while it is down', `${breaker('consecutive')} failures, then ${cooldown}`],
    ['timeout', 'ends one attempt', seconds(settings(source, 'timeout')('limitMs'))],
  ];
}

/** The SVG, as text. */
export function draw(source = readFileSync(join(root, example), 'utf8')) {
  const all = layers(source);
  const callHeight = 44;
  const bottom = top + all.length * (headHeight + footHeight) + callHeight;
  const parts = all.map((layer, level) => box(layer, level, bottom));
  const call = { x: margin + all.length * inset, y: top + all.length * headHeight };
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${bottom + 54}" viewBox="0 0 ${width} ${bottom + 54}" role="img">`,
    '<title>The order of policies, from the deadline around everything to the timeout around one attempt</title>',
    `<style>${style}</style>`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" class="tip"/></marker></defs>',
    `<rect class="card" width="${width}" height="${bottom + 54}" rx="10"/>`,
    `<text class="faint" x="${margin + 30}" y="32">the caller’s call goes in</text>`,
    `<path class="arrow" d="M${margin + 16} 20V${top - 4}"/>`,
    `<text class="faint end" x="${width - margin - 30}" y="32">an answer, or an error, comes out</text>`,
    `<path class="arrow" d="M${width - margin - 16} ${top - 2}V20"/>`,
    ...parts,
    again(all, bottom),
    `<rect class="call" x="${call.x}" y="${call.y}" width="${width - 2 * call.x}" height="${callHeight}" rx="6"/>`,
    `<text class="name" x="${call.x + inset}" y="${call.y + 27}">the call</text>`,
    `<text x="${reasonX}" y="${call.y + 27}">one request to the model service</text>`,
    ...legend(bottom + 32),
    '</svg>',
  ].join('\n')}\n`;
}

function box([name, reason, setting], level, bottom) {
  const x = margin + level * inset;
  const y = top + level * headHeight;
  const text = y + 23;
  const kind = setting === undefined ? 'layer extra' : 'layer';
  const lines = [
    `<rect class="${kind}" x="${x}" y="${y}" width="${width - 2 * x}" height="${bottom - level * footHeight - y}" rx="6"/>`,
    `<text class="name" x="${x + inset}" y="${text}">${name}</text>`,
    `<text x="${reasonX}" y="${text}">${reason}</text>`,
  ];
  if (setting !== undefined) lines.push(`<text class="end setting" x="${settingX}" y="${text}">${setting}</text>`);
  return lines.join('\n');
}

/** What failed inside comes back to the retry, which begins anew. */
function again(all, bottom) {
  const level = all.findIndex(([name]) => name === 'retry');
  const x = width - margin - level * inset - inset / 2;
  const from = bottom - (level + 1) * footHeight - 4;
  return `<path class="arrow" d="M${x} ${from}V${top + level * headHeight + 12}"/>`;
}

function legend(y) {
  return [
    `<rect class="layer" x="${margin}" y="${y - 13}" width="26" height="16" rx="4"/>`,
    `<text class="faint" x="${margin + 36}" y="${y}">in the default pipeline, with its settings</text>`,
    `<rect class="layer extra" x="${margin + 330}" y="${y - 13}" width="26" height="16" rx="4"/>`,
    `<text class="faint" x="${margin + 366}" y="${y}">where it is needed; a hedge stands in place of the retry</text>`,
  ];
}

/** A card of its own colour under everything, so that the picture can be read wherever it is shown. */
const style = `
text{font:14px Helvetica,Arial,sans-serif;fill:#24292f}
.name{font-weight:bold;font-size:15px}.end{text-anchor:end}.faint{fill:#57606a}.setting{fill:#0f6a31}
.card{fill:#ffffff;stroke:#d0d7de}.layer{fill:#1a7f37;fill-opacity:.07;stroke:#1a7f37;stroke-width:1.5}
.extra{fill:none;stroke:#8c959f;stroke-dasharray:5 4;stroke-width:1.2}
.call{fill:#ddf4ff;stroke:#0969da;stroke-width:1.5}.arrow{fill:none;stroke:#57606a;stroke-width:1.6;marker-end:url(#head)}.tip{fill:#57606a}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.faint{fill:#9da7b3}.setting{fill:#7ee2a0}
.card{fill:#0d1117;stroke:#30363d}.layer{fill:#3fb950;fill-opacity:.1;stroke:#3fb950}.extra{fill:none;stroke:#6e7681}
.call{fill:#0c2d4d;stroke:#58a6ff}.arrow{stroke:#9da7b3}.tip{fill:#9da7b3}}
`;

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(join(root, picture), draw());
  console.log(picture);
}
