/** The numbers in a context-length message: how many tokens fit, and how many were asked for. */

export interface ContextNumbers {
  /** Tokens that fit. */
  readonly limit?: number;
  /** Tokens asked for: input and output together, where both are stated. */
  readonly requested?: number;
}

const n = String.raw`\d[\d,]*`;

/**
 * One row per wording, on the text of `evidence.ts` (lower case, no quotes, `_` turned to blanks). `L` is the limit, `R`
 * what was requested, `A` and `B` its parts. The first row that matches wins, so the more precise come first.
 */
const wordings: readonly RegExp[] = [
  // vLLM: what is asked for is the output and the input together
  'is too large: B\\. .{0,40}context length is L tokens and your request has A input tokens',
  // OpenAI, Azure, OpenRouter, DeepSeek, vLLM, llama-cpp-python; characters are not tokens.
  'context (?:length|window)(?: is|:)? (?:only )?L tokens?\\b.{0,40}?(?:requested|resulted in|has|contains)(?: about)? R(?: input| output)? tokens\\b',
  'configured limit of L tokens.{0,40}resulted in R tokens',
  'length R\\) is longer than the maximum model length of L',
  // Anthropic
  'prompt is too long: R tokens > L',
  'exceed context limit: A \\+ B > L',
  // Gemini
  'token count(?: \\(R\\))? exceeds the maximum number of tokens allowed \\(?L',
  // xAI
  'maximum prompt length is L but (?:the|your) request contains R',
  // Mistral
  'prompt contains R tokens.{0,60}? model with L maximum',
  // Cohere
  'cannot exceed L - received R',
  'maximum limit of L',
  // SGLang, Together, Poolside
  'input \\(R tokens\\) is longer than.{0,40}context length \\(L tokens',
  'context length of L tokens.{0,40}total of R tokens',
  'input length \\(?R\\)? exceeds.{0,60}length(?: of)? \\(?L',
  'required tokens=R.{0,20}kv capacity=L',
  // Cerebras
  'current length is R while limit is L',
  // TGI
  'less than L tokens\\. given: R',
  'must be <= L\\. given: A inputs tokens and B max new tokens',
  // llama.cpp, LM Studio
  'request \\(R tokens\\) exceeds the available context size \\(L',
  'input \\(R tokens\\) is too large to process.{0,60}batch size:? ?\\(?(?:current batch size: )?L',
  'requested tokens \\(R\\) exceed context window of L',
  'n keep(?: \\(\\d+\\)|: \\d+) >= n ctx(?: \\(|: )L',
  // Moonshot
  'token limit:? L(?: \\(requested: R)?',
  // DashScope
  'range of input length should be \\[\\d+, ?L\\]',
  // Copilot
  'token count of R exceeds the limit of L',
  // OpenAI: a request above the tokens of a minute
  'limit:? L,? requested:? R',
  // Chinese resellers: the limit, then what was sent
  '(?:最大|上限|限制)[^\\d]{0,12}L[^\\d]{1,40}R',
  // The limit alone, in the words of any of them.
  '(?:context|model|prompt|input|window) (?:length|window|size|limit)(?: (?:is|of|only|exceeds?|exceeded|the|maximum|limit of))*(?::|=| of| is)? \\(?L(?: tokens?)?\\b(?! (?:output|characters))',
].map(
  (row) =>
    new RegExp(
      row.replace(/[LRAB]/g, (letter) => `(?<${letter}>${n})`),
      's',
    ),
);

/** The numbers that a sentence states. */
export function contextNumbers(text: string): ContextNumbers {
  if (!/\d/.test(text)) return {};
  for (const wording of wordings) {
    const found = wording.exec(text)?.groups;
    if (found === undefined) continue;
    const parts = found.A !== undefined && found.B !== undefined ? number(found.A) + number(found.B) : undefined;
    return numbers(number(found.L), found.R === undefined ? parts : number(found.R));
  }
  return {};
}

/** The numbers that stand in fields of their own (llama.cpp). */
export function contextFields(object: Readonly<Record<string, unknown>> | undefined): ContextNumbers {
  if (object?.n_ctx === undefined) return {};
  return numbers(number(object.n_ctx), number(object.n_prompt_tokens));
}

function numbers(limit: number, requested: number | undefined): ContextNumbers {
  return {
    ...(isCount(limit) ? { limit } : {}),
    ...(requested !== undefined && isCount(requested) ? { requested } : {}),
  };
}

function number(value: unknown): number {
  return Number(String(value).replaceAll(',', ''));
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
