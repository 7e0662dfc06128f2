/**
 * A finished message that is none: why the model stopped. The answer was a success on the wire, so only the reason
 * (and an empty content) says that something went wrong.
 */
import type { ErrorType } from '../../errors/error-types.js';
import { normalise } from './codes.js';
import { first, isObject, member } from './json.js';
import { type Verdict, verdict } from './verdict.js';

/** Sources: the API references of OpenAI, Anthropic, Google, Bedrock, Cohere, Mistral, DeepSeek, Z.ai, Ollama, Replicate. */
const reasons: Partial<Record<ErrorType, string>> = {
  content_filtered: `content_filter content_filtered safety refusal recitation blocklist prohibited_content spii
    image_safety image_prohibited_content image_recitation model_armor guardrail_intervened sensitive error_toxic
    content_moderated request_moderated moderated guardrails jailbreak`,
  context_length_exceeded: `model_context_window_exceeded model_length error_limit context_length_exceeded
    context_length`,
  generation_failed: `error malformed_function_call malformed_response malformed_tool_use malformed_model_output
    unexpected_tool_call too_many_tool_calls missing_thought_signature no_image image_other other abort eos_error
    failed incomplete finish_reason_unspecified`,
  inference_timeout: 'timeout time_limit expired',
  model_overloaded: 'insufficient_system_resource',
  upstream_unavailable: 'network_error server_error',
  model_loading_failed: 'load',
  cancelled: 'canceled cancelled user_cancelled user_cancel',
  model_not_found: 'task_not_found',
};
/** The model would stop at the same place again. */
const hopeless = new Map([[normalise('language'), verdict('generation_failed', false)]]);
/** These are failures only with nothing to show for them. */
const cutShort = new Set(['length', 'maxtokens', 'maxoutputtokens', 'maxlength']);

const byReason: ReadonlyMap<string, Verdict> = new Map([
  ...(Object.entries(reasons) as [ErrorType, string][]).flatMap(([type, list]) => {
    const shared = verdict(type);
    return list
      .trim()
      .split(/\s+/)
      .map((reason): [string, Verdict] => [normalise(reason), shared]);
  }),
  ...hopeless,
]);

/** What the end of a message says; `undefined` where `root` is no message, or one that ended well. */
export function finishVerdict(root: unknown): Verdict | undefined {
  const message = messageOf(root);
  if (!isObject(message)) return undefined;
  for (const reason of reasonsOf(message)) {
    const found = byReason.get(normalise(reason));
    if (found !== undefined) return found;
    if (cutShort.has(normalise(reason))) {
      return hasContent(message) ? undefined : verdict('context_length_exceeded');
    }
  }
  if (isRefusal(message)) return verdict('content_filtered');
  return undefined;
}

const spokenReason = /(?:stop|finish) ?reason:? ?([a-z]+(?: [a-z]+){0,3})|blocked: ?([a-z]+(?: [a-z]+){0,3})/;

/** The reason, where a client's sentence tells it: "Unhandled stop reason: MALFORMED_RESPONSE". */
export function spokenFinishVerdict(text: string): Verdict | undefined {
  const found = spokenReason.exec(text);
  return found === null ? undefined : byReason.get(normalise(found[1] ?? found[2] ?? ''));
}

/** A stream's last event wraps the message that it ends. */
function messageOf(root: unknown): unknown {
  const outer = first(root);
  if (!isObject(outer)) return outer;
  const inner = outer.response ?? outer.messageStop ?? outer.delta ?? outer.prediction;
  return isObject(inner) && outer.choices === undefined ? { ...outer, ...inner } : outer;
}

function reasonsOf(message: Readonly<Record<string, unknown>>): readonly string[] {
  const choice =
    first(message.choices) ??
    first(message.candidates) ??
    first(message.generations) ??
    first(message.results) ??
    first(message.artifacts);
  const detail = member(message.incomplete_details, 'reason') ?? member(message.details, 'finish_reason');
  const found = [
    detail,
    member(message.promptFeedback, 'blockReason'),
    member(message, 'stop_reason'),
    member(message, 'stopReason'),
    member(message, 'completionReason'),
    member(choice, 'finish_reason') ?? member(choice, 'finishReason') ?? member(choice, 'completionReason'),
    member(message, 'finish_reason'),
    member(message, 'done_reason'),
    member(message, 'status'),
    Number(message.raiMediaFilteredCount) > 0 ? 'safety' : undefined,
  ];
  return found.filter((reason): reason is string => typeof reason === 'string' && reason !== '').slice(0, 8);
}

function hasContent(message: Readonly<Record<string, unknown>>): boolean {
  const choice = first(message.choices) ?? first(message.candidates);
  const inner = member(choice, 'message') ?? member(choice, 'delta') ?? message.message ?? choice;
  const parts = [
    member(inner, 'content'),
    member(inner, 'tool_calls'),
    member(member(inner, 'content'), 'parts'),
    member(choice, 'text'),
    message.content,
    message.text,
    message.output,
    message.generated_text,
  ];
  return parts.some((part) => (typeof part === 'string' || Array.isArray(part)) && part.length > 0);
}

/** OpenAI puts a refusal into a field of its own, and says `stop`. */
function isRefusal(message: Readonly<Record<string, unknown>>): boolean {
  const choice = first(message.choices);
  const refusal = member(member(choice, 'message'), 'refusal') ?? member(member(choice, 'delta'), 'refusal');
  if (typeof refusal === 'string' && refusal !== '') return true;
  const parts: readonly unknown[] = Array.isArray(message.output) ? message.output.slice(0, 8) : [];
  return parts.some((part) => member(first(member(part, 'content')), 'type') === 'refusal');
}
