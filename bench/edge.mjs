/**
 * `npm run bench -- edge`: a chute, with its id, context, validation and envelope, beside the bare framework that
 * reads, parses and answers the same JSON. Each contender has a process of its own; every round measures all of them
 * in a new order, and a ratio is the median of the rounds' ratios.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { median } from './parts/measure.mjs';
import { jsonPost, load } from './parts/raw-load.mjs';

const connections = 20;
const rounds = 31;
const msPerRound = 250;
/** The least that a request can be, where nothing hides what we add, and one with some turns of a conversation in it. */
const prompts = ['What is a circuit breaker?', 'What is a circuit breaker? '.repeat(150)];
const script = fileURLToPath(new URL('./parts/edge-servers.mjs', import.meta.url));

/** Contenders, and the bare one that each is compared with. */
const comparisons = {
  'bare node:http': 'bare node:http',
  'chute on node:http': 'bare node:http',
  'chute on node:http, no error context': 'bare node:http',
  'bare Fastify': 'bare Fastify',
  'chute in Fastify': 'bare Fastify',
  'chute in Fastify, no error context': 'bare Fastify',
  'Fastify, our errors': 'bare Fastify',
  'bare Hono': 'bare Hono',
  'chute in Hono': 'bare Hono',
  'chute in Hono, no error context': 'bare Hono',
  'Hono, our errors': 'bare Hono',
  'bare Express': 'bare Express',
  'chute in Express': 'bare Express',
};
const wanted = { 'chute on node:http': 0.85, 'chute in Fastify': 0.9, 'chute in Hono': 0.9 };

export async function run() {
  const names = Object.keys(comparisons);
  const children = [];
  try {
    const ports = await Promise.all(names.map((name) => start(name, children)));
    const portOf = Object.fromEntries(names.map((name, index) => [name, ports[index]]));
    const rows = [];
    for (const prompt of prompts) {
      const request = jsonPost('/generate', { prompt, max_tokens: 200 });
      const rates = await measure(portOf, request);
      for (const name of names) rows.push({ name, bytes: bodyBytes(request), ...compared(name, rates) });
    }
    return {
      suite: 'edge',
      rows,
      notes: [
        `${connections} connections, ${rounds} interleaved rounds of ${msPerRound} ms, a POST of so many bytes; median ratios, with the quarter and three-quarter points`,
      ],
    };
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

function bodyBytes(request) {
  return request.length - request.indexOf('\r\n\r\n') - 4;
}

function compared(name, rates) {
  const base = comparisons[name];
  const ratios = rates[name].map((rate, round) => rate / rates[base][round]).sort((a, b) => a - b);
  const at = (share) => Math.round(ratios[Math.floor(share * (ratios.length - 1))] * 100) / 100;
  return {
    'answers/s': Math.round(median(rates[name])),
    against: base,
    ratio: at(0.5),
    spread: `${at(0.25)} – ${at(0.75)}`,
    'at least': wanted[name] ?? '',
  };
}

/** The port of a contender, whose process joins `children`. */
async function start(name, children) {
  const child = spawn(process.execPath, [script, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) return Number(line);
  throw new Error(`${name} ended before it said its port`);
}

async function measure(ports, request) {
  const names = Object.keys(ports);
  const rates = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) await load(ports[name], request, { connections, ms: 1_000 });
  for (let round = 0; round < rounds; round += 1) {
    for (let index = 0; index < names.length; index += 1) {
      const name = names[(index + round) % names.length];
      rates[name].push(await load(ports[name], request, { connections, ms: msPerRound }));
    }
  }
  return rates;
}
