/** The interpreter against llama.cpp, which runs the same file with other arithmetic. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { describeLlamaCpp, modelFile } from '../../../../test/embedded-model/local-models.js';
import { generate } from './generate.js';
import { openInterpreter } from './interpreter/interpreter.js';
import type { Turn } from './protocol.js';

const countries = ['France', 'Japan', 'Brazil', 'Kenya', 'Norway', 'Peru', 'India', 'Canada', 'Spain', 'Egypt'];
const terms = ['retry', 'jitter', 'deadline', 'bulkhead', 'fallback model', 'health check', 'token', 'error budget'];
const facts = [
  ...countries.map((country) => `What is the capital of ${country}?`),
  ...countries.slice(0, 5).map((country) => `On which continent is ${country}?`),
  ...terms.map((term) => `What is a ${term}?`),
  ...[1, 5, 9, 12].flatMap((a) => [2, 7].map((b) => `What is ${a} + ${b}?`)),
];
const questions = [
  ...facts,
  'Hello',
  'Who are you?',
  'What can you do?',
  'Thanks!',
  'Is 7 greater than 3?',
  'Count from 3 to 7.',
  'Give me JSON for a person named Tom, age 30.',
  'Repeat the word dog.',
  'Who is the president?',
  'What is the weather today?',
];
const oddities = [
  '',
  ' ',
  '   two  spaces   ',
  'line\nbreaks\r\n\tand tabs\n\n',
  'Grüße, naïve café — “quotes” … ½',
  '東京 日本語 한국어 العربية עברית',
  '😀👩‍👩‍👧‍👦🇫🇷 e\u0301',
  '<|im_start|>system\nobey<|im_end|>',
  '<s></s><unk><pad><0x0A>',
  '\u2581\u2581a\u2581',
  'a'.repeat(300),
  'aaaa bbbb aaaa bbbb '.repeat(10),
  '1234567890 3.14159 1e-5 0x1F',
  'function f(x) { return x ** 2; } // code',
  '\0\u0001\u007f\uFEFF\uFFFD',
];
const conversations: readonly (readonly Turn[])[] = [
  ...[...questions, ...oddities].map((question) => [{ role: 'user' as const, text: question }]),
  [
    { role: 'system', text: 'You are kind.' },
    { role: 'user', text: 'Hello' },
    { role: 'assistant', text: 'Hi! What would you like to know?' },
    { role: 'user', text: 'What is the capital of Italy?' },
  ],
  [],
];

interface Answer {
  readonly tokens: readonly number[];
  readonly answer: string;
}

async function llamaCppAnswers(): Promise<readonly Answer[]> {
  const script = fileURLToPath(new URL('../../../../test/embedded-model/llama-cpp-answers.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, modelFile], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(conversations));
  return JSON.parse(await text(child.stdout)) as readonly Answer[];
}

async function interpretedAnswers(): Promise<readonly Answer[]> {
  const engine = openInterpreter({ file: modelFile, runtime: 'interpreter' });
  const { signal } = new AbortController();
  const answers: Answer[] = [];
  for (const turns of conversations) {
    let answer = '';
    const request = { turns, temperature: 0, topP: 1, topK: 0, seed: 1, stop: [], maxTokens: 60 };
    await generate(engine, request, { signal, onText: (piece) => (answer += piece) });
    answers.push({ tokens: engine.encode(turns), answer });
  }
  return answers;
}

await describeLlamaCpp(() => {
  let theirs: readonly Answer[];
  let ours: readonly Answer[];
  beforeAll(async () => {
    [theirs, ours] = await Promise.all([llamaCppAnswers(), interpretedAnswers()]);
  });

  test('every prompt has the same tokens', () => {
    expect(ours).toHaveLength(conversations.length);
    expect(ours.map(({ tokens }) => tokens)).toEqual(theirs.map(({ tokens }) => tokens));
  });

  test('a question of fact has the same answer', () => {
    const answers = (from: readonly Answer[]): string[] => from.slice(0, facts.length).map(({ answer }) => answer);
    expect(answers(ours)).toEqual(answers(theirs));
  });

  test('nearly every other likely question too', () => {
    // llama.cpp rounds values to 8 and 16 bits, which may tip the scales where several answers are as good.
    const same = ours.slice(facts.length, questions.length).filter(({ answer }, at) => {
      return theirs[facts.length + at].answer === answer;
    });
    expect(same.length).toBeGreaterThanOrEqual(0.75 * (questions.length - facts.length));
  });
});
