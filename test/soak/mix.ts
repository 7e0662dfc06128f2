/** What the soak asks: every endpoint, whole and as streams, by clients of every manner. */
import type { Exchange, Manner } from './client.js';

/** How an answer of an endpoint is read. */
export type Dialect = 'native' | 'openai' | 'page';

export interface Question extends Exchange {
  readonly dialect: Dialect;
  readonly stream: boolean;
}

type Kind = readonly [weight: number, path: string, dialect: Dialect, body?: object | string];

const prompt = 'What is a circuit breaker?';
const messages = [{ role: 'user', content: prompt }];
const tools = [{ type: 'function', function: { name: 'look_up', parameters: { type: 'object', properties: {} } } }];

const kinds: readonly Kind[] = [
  [20, '/v1/chat/completions', 'openai', { messages }],
  [20, '/v1/chat/completions', 'openai', { messages, stream: true }],
  [4, '/v1/chat/completions', 'openai', { messages, tools, stream: true }],
  [8, '/generate', 'native', { prompt }],
  [6, '/generate', 'native', { prompt, stream: true }],
  [5, '/generate_resilient', 'native', { prompt }],
  [4, '/generate_resilient', 'native', { prompt, stream: true }],
  [5, '/adaptive_generate', 'native', { prompt }],
  [4, '/adaptive_generate', 'native', { prompt, stream: true }],
  [4, '/v1/completions', 'openai', { prompt }],
  [4, '/v1/completions', 'openai', { prompt, stream: true }],
  [5, '/v1/embeddings', 'openai', { input: prompt }],
  [2, '/generate_image', 'native', { prompt }],
  [2, '/v1/images/generations', 'openai', { prompt }],
  [1, '/v1/models', 'openai'],
  [1, '/health', 'native'],
  [1, '/livez', 'page'],
  [1, '/', 'page'],
  [1, '/v1/chat/completions', 'openai', '{"messages":'],
  [1, '/generate', 'native', { prompt: ' ' }],
  [0.5, '/generate', 'native', { prompt, model: 'nobody' }],
  [0.5, '/v1/nothing', 'openai', {}],
];
const allWeights = kinds.reduce((sum, [weight]) => sum + weight, 0);

/** The same questions in the same order for the same seed. */
export function* questions(count: number, seed: number): Generator<Question> {
  const random = mulberry32(seed);
  for (let index = 0; index < count; index += 1) yield question(random);
}

function question(random: () => number): Question {
  const [, path, dialect, asked] = kindAt(random() * allWeights);
  const method = asked === undefined ? 'GET' : 'POST';
  const stream = typeof asked === 'object' && 'stream' in asked;
  const manner = mannerOf(random, stream);
  if (typeof asked !== 'object') return { method, path, dialect, stream, manner, ...(asked && { body: asked }) };
  // One upstream without retries lets its clients see every fault; the other models absorb what they can.
  const model = manner === 'slow' ? 'long' : random() < 0.2 ? 'alone' : 'default';
  return { method, path, dialect, stream, manner, body: JSON.stringify({ model, ...asked }) };
}

function kindAt(place: number): Kind {
  let sum = 0;
  return kinds.find(([weight]) => (sum += weight) > place) ?? kinds[0];
}

function mannerOf(random: () => number, stream: boolean): Manner {
  const dice = random();
  if (dice < 0.02) return Math.floor(random() * 30);
  if (dice < 0.04 && stream) return 'leaves at first bytes';
  return dice < 0.05 && stream ? 'slow' : 'patient';
}

/** Source: T. Ettinger, mulberry32 (public domain, 2017). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
