/** What an answer of the soak was: good, a typed failure, or a problem of ours. */
import { errorTypes } from 'ripstop/errors';
import { sixtyWords } from '../../packages/gateway/src/chaos/answers.js';
import type { Seen } from './client.js';
import type { Question } from './mix.js';

export type Verdict =
  | { readonly kind: 'answer' | 'left' }
  /** With a status, or as the last frame of a stream. */
  | { readonly kind: 'error' | 'frame'; readonly type: string }
  | { readonly kind: 'problem'; readonly why: string };

type Json = Readonly<Record<string, unknown>>;

export function verdictOn(question: Question, seen: Seen): Verdict {
  if (seen.end === 'left') return { kind: 'left' };
  if (seen.end === 'broken') return { kind: 'problem', why: 'the connection broke' };
  if (question.path === '/health') return healthReport(seen);
  if (seen.status !== 200) return errorOf(question, json(seen.text), 'error');
  if (question.dialect === 'page') return { kind: 'answer' };
  return question.stream ? streamed(question, seen) : whole(question, seen);
}

function healthReport({ text }: Seen): Verdict {
  return json(text)?.['overall_status'] === undefined ? { kind: 'problem', why: 'no report' } : { kind: 'answer' };
}

const envelope = ['error', 'error_type', 'details', 'is_retryable', 'timestamp', 'correlation_id'];
const openaiEnvelope = ['message', 'type', 'code', 'param', 'error_type', 'is_retryable', 'correlation_id'];

function errorOf({ dialect }: Question, body: Json | undefined, kind: 'error' | 'frame'): Verdict {
  const error = dialect === 'openai' ? (body?.['error'] as Json | undefined) : body;
  const needed = dialect !== 'openai' ? envelope : kind === 'error' ? openaiEnvelope : ['message', 'type', 'code'];
  const missing = needed.filter((key) => error?.[key] === undefined);
  const type = String(error?.['error_type'] ?? error?.['type']);
  if (missing.length > 0) return { kind: 'problem', why: `an error without ${missing.join(', ')}` };
  return type in errorTypes ? { kind, type } : { kind: 'problem', why: `an error of the type ${type}` };
}

/** What a good answer of each path that is not a chat or a text has. */
const marks: Readonly<Record<string, string>> = {
  '/v1/embeddings': '"embedding":[',
  '/generate_image': '"image":"',
  '/v1/images/generations': '"b64_json":"',
  '/v1/models': '"id":"default"',
};

function whole({ path }: Question, { text }: Seen): Verdict {
  const mark = marks[path] ?? JSON.stringify(sixtyWords);
  return text.includes(mark) ? { kind: 'answer' } : { kind: 'problem', why: 'an answer with something missing' };
}

function streamed(question: Question, { text }: Seen): Verdict {
  const events = text.split('\n\n').flatMap((event) => /^data: (.*)$/m.exec(event)?.[1] ?? []);
  const frames = events.map((data) => json(data)).filter((frame) => frame !== undefined);
  const failed = frames.filter((frame) => 'error' in frame);
  const ended = events.at(-1) === '[DONE]' || frames.at(-1)?.['done'] === true;
  if (failed.length > 0) {
    const twice = ended || failed.length > 1;
    return twice ? { kind: 'problem', why: 'an error, and more' } : errorOf(question, failed[0], 'frame');
  }
  if (!ended) return { kind: 'problem', why: 'a stream without an end or an error' };
  const said = frames.map((frame) => saidIn(frame)).join('');
  const good = question.manner === 'slow' ? said.length > 100_000 : said === sixtyWords;
  return good ? { kind: 'answer' } : { kind: 'problem', why: `a stream that says ${said.length} letters` };
}

interface Piece {
  readonly delta?: string;
  readonly choices?: readonly { readonly delta?: { readonly content?: string }; readonly text?: string }[];
}

function saidIn({ delta, choices }: Piece): string {
  return delta ?? choices?.[0]?.delta?.content ?? choices?.[0]?.text ?? '';
}

function json(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // What is no JSON is no envelope, and is judged as such.
    return undefined;
  }
}
