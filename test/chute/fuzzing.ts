/** A chute in a process of its own, under random requests: every answer is looked at, and what the process became. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import path from 'node:path';
import { errorTypes } from 'ripstop/errors';
import { seededRandom } from 'ripstop/testing';
import { root } from '../repository.js';
import { readAnswer, type RawAnswer } from './raw-answer.js';
import { type RandomRequest, randomRequest } from './random-request.js';

export interface FuzzReport {
  /** How many answers had each status; `none` where the request was cut. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers that are not typed, and requests without one: what it was, and the request. */
  readonly problems: readonly string[];
  readonly unhandled: readonly string[];
  readonly inFlight: number;
  /** Bytes that the process held after each tenth of the requests, garbage collected. */
  readonly memory: readonly number[];
}

interface Seen {
  readonly unhandled: readonly string[];
  readonly inFlight: number;
  readonly bytes: number;
}

const connections = 24;
/** An answer that takes longer hangs: every cord and every limit of the chute is much quicker. */
const patienceMs = 15_000;

export async function fuzz(requests: number, seed: number): Promise<FuzzReport> {
  const child = fork(path.join(root, 'test/fixtures/fuzzed-chute.mjs'), { cwd: root, execArgv: ['--expose-gc'] });
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    const random = seededRandom(seed);
    const statuses: Record<string, number> = {};
    const problems: string[] = [];
    const memory: number[] = [];
    for (let tenth = 0; tenth < 10; tenth += 1) {
      let left = Math.ceil(requests / 10);
      const worker = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          const request = randomRequest(random);
          const { answer, problem } = await tried(port, request);
          const status = answer?.status ?? 'none';
          statuses[status] = (statuses[status] ?? 0) + 1;
          if (problem !== undefined) problems.push(`${problem}: ${shown(request)}`);
        }
      };
      await Promise.all(Array.from({ length: connections }, worker));
      memory.push((await seen(child)).bytes);
    }
    const { unhandled, inFlight } = await settled(child);
    return { statuses, problems, unhandled, inFlight, memory };
  } finally {
    child.kill();
  }
}

async function seen(child: ChildProcess): Promise<Seen> {
  child.send('report');
  const [report] = (await once(child, 'message')) as [Seen];
  return report;
}

/** Clients that were cut may have left requests behind that end by their limits. */
async function settled(child: ChildProcess): Promise<Seen> {
  for (let wait = 0; ; wait += 1) {
    const report = await seen(child);
    if (report.inFlight === 0 || wait === 50) return report;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Outcome {
  readonly answer?: RawAnswer | undefined;
  readonly problem?: string | undefined;
}

async function tried(port: number, request: RandomRequest): Promise<Outcome> {
  const { cut, method } = request;
  const received = await exchanged(port, request);
  if (received === 'hangs') return { problem: 'no end within the time' };
  const answer = readAnswer(received, method);
  // A client that has left hears what it hears, and node takes one that closes its half for one that leaves.
  const left = cut.how === 'whole' || (cut.how === 'half' && answer?.complete !== true);
  if (left) return { answer };
  return answer === undefined ? { problem: 'no answer' } : { answer, problem: complaint(answer, method) };
}

function exchanged(port: number, { bytes, cut }: RandomRequest): Promise<Buffer | 'hangs'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const timer = setTimeout(() => end('hangs'), patienceMs);
    const end = (outcome?: 'hangs'): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome ?? Buffer.concat(chunks));
    };
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => end());
    socket.on('close', () => end());
    socket.on('error', () => end());
    socket.on('connect', () => {
      if (cut.how === 'never') socket.write(bytes);
      else if (cut.how === 'half') socket.end(bytes.subarray(0, cut.at));
      else socket.write(bytes.subarray(0, cut.at), () => setTimeout(end, cut.at % 7));
    });
  });
}

/** What is wrong with an answer, if anything. */
function complaint({ status, headers, body, complete }: RawAnswer, method: string): string | undefined {
  const id = headers['x-correlation-id'];
  if (id === undefined) return `${status} without a correlation id`;
  if (!complete) return `${status} that is cut`;
  if (status < 400 || status === 418 || method === 'HEAD') return streamComplaint(headers, body);
  const type = headers['content-type'] ?? '';
  if (!/^application\/(?:problem\+)?json/.test(type)) return `${status} with the type ${type}`;
  try {
    const value = JSON.parse(body) as Record<string, unknown>;
    if (status === 503 && ('overall_status' in value || value['status'] === 'critical')) return undefined;
    const error = (typeof value['error'] === 'object' ? value['error'] : value) as Record<string, unknown>;
    if (!Object.hasOwn(errorTypes, String(error['error_type']))) return `${status} without an error type`;
    if (error['correlation_id'] !== id) return `${status} with two correlation ids`;
  } catch {
    return `${status} whose body is no JSON`;
  }
  return body.includes('secret') ? `${status} that tells a secret` : undefined;
}

/** An error frame is typed too, and nothing follows it. */
function streamComplaint(headers: Readonly<Record<string, string>>, body: string): string | undefined {
  const { 'content-type': type = '' } = headers;
  if (!type.startsWith('text/event-stream')) return undefined;
  const frames = body.split('\n\n').filter((frame) => frame !== '');
  const bad = frames.find((frame) => !/^(?::|data: |event: error\ndata: \{)/.test(frame));
  if (bad !== undefined) return `a stream with the frame ${bad.slice(0, 100)}`;
  const error = frames.findIndex((frame) => frame.startsWith('event: error'));
  if (error >= 0 && error !== frames.length - 1) return 'a stream that goes on after its error';
  if (body.includes('secret')) return 'a stream that tells a secret';
  return error >= 0 && !/"error_type":"\w+"/.test(frames[error] ?? '') ? 'a stream with an untyped error' : undefined;
}

function shown({ bytes, cut }: RandomRequest): string {
  return JSON.stringify([cut, bytes.subarray(0, 600).toString('latin1')]);
}
