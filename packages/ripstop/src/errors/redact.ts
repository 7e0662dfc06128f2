/**
 * Texts made safe: `redact` for the sentences of others, which a caller is shown, `hideSecrets` for our own, which are
 * logged. Rather too much is taken out than too little; a reader loses a word, never the meaning.
 */

/** Longest message that is shown. */
export const longestMessage = 500;
/** Read no further than this: more than is shown, since links shrink. */
const longestRead = 2_000;

const hidden = '[…]';

interface Secret {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Gives access to something, or to somebody: has no place in our own texts either. */
  readonly everywhere?: true;
  /** What a text, in lower case, must hold to be worth a try: one of these, or a match. */
  readonly mark?: readonly string[] | RegExp;
}

/** Patterns begin at a rare character and look behind for the word before it: sentences are mostly plain letters. */
const secrets: readonly Secret[] = [
  // What stands after a word for a secret, in any form.
  {
    pattern: /(?<=\bbearer |\bbasic )(?!auth|token|header)[^\s"',;]{4,}/gi,
    instead: hidden,
    everywhere: true,
    mark: ['bearer ', 'basic '],
  },
  {
    pattern:
      /([:=](?<=\b(?:token|key|authorization|password|secret)\)?(?: provided| supplied)?["']? ?[:=]) ?["']?)[^\s"',;]{4,}/gi,
    instead: `$1${hidden}`,
    everywhere: true,
    mark: [':', '='],
  },
  { pattern: /(?<=:\/\/)[^\s/@"']{1,256}@/g, instead: `${hidden}@`, everywhere: true, mark: ['://'] },
  {
    pattern: /\b[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}/g,
    instead: '[email]',
    everywhere: true,
    mark: ['@'],
  },
  // Brackets are part of a link where they hold what has been taken out of it already, or an IPv6 address.
  {
    pattern: /\b[a-z][a-z0-9+.-]{1,12}:\/\/(?:\[(?:…|email|[\da-f:.]+)\]|[^\s"'`<>)\]}])+/gi,
    instead: '[link]',
    mark: ['://'],
  },
  { pattern: /\barn:[a-z-]+:[^\s"'`,)]+/gi, instead: '[arn]', mark: ['arn:'] },
  // Keys as the providers shape them, whole or with a masked middle.
  {
    pattern:
      /[-_](?<=\b(?:[sprac]k|key|cpk|gsk|hf|r8|fw|pplx|xai|nvapi|tgp|csk|glm|gh[po]|github_pat|glpat|xox[abp])[-_])[\w*.…-]{3,}/gi,
    instead: `-${hidden}`,
    everywhere: true,
    mark: ['-', '_'],
  },
  // Ids of organisations, projects, users, requests.
  {
    pattern:
      /[-_](?<=\b(?:org|proj|user|usr|acct|account|team|req|request|msg|resp|chatcmpl|ws|workspace|cus|sub|inv)[-_])(?=[\w-]{0,40}\d|[\w-]{12})[\w-]{4,}/gi,
    instead: `-${hidden}`,
    mark: ['-', '_'],
  },
  { pattern: /\b(?:AIza|AKIA|ASIA|eyJ)[\w.-]{8,}/g, instead: hidden, everywhere: true },
  { pattern: /(?<![\w-])[\w-]*\*{2,}[\w*-]*/g, instead: hidden, everywhere: true, mark: ['**'] },
  { pattern: /(?<![\w-])[\w-]{2,}\.{3,}[\w-]{2,}/g, instead: hidden, mark: ['...'] },
  {
    pattern:
      /\d(?<=\b(?:account|organi[sz]ation|team|tenant|user|customer|principal)(?: ?id)?[:= ]{1,3}["']?\d)\d{5,}/gi,
    instead: hidden,
    mark: /\d{6}/,
  },
  // Machines and files.
  { pattern: /\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b/g, instead: '[host]', mark: /\d\.\d/ },
  {
    pattern:
      /(?<![\w:])\[?(?:(?:[\da-f]{1,4}:){3,7}[\da-f]{1,4}|(?:[\da-f]{1,4}(?::[\da-f]{1,4}){0,6})?::(?:[\da-f]{1,4}(?::[\da-f]{1,4}){0,6})?)(?!\w)\]?(?::\d+)?/gi,
    instead: '[host]',
    mark: /::|:[\da-f]{1,4}:[\da-f]{1,4}:/,
  },
  {
    pattern:
      /(?<![\w.-])[\w-]+(?:\.[\w-]+){0,20}\.(?:com|net|org|io|ai|dev|app|cloud|internal|local|localdomain|lan|corp|svc|test|example|invalid|cn|co|eu|de|uk|us|info|tech|xyz)\b(?::\d+)?(?:\/[^\s"'`<>)]*)?/gi,
    instead: '[host]',
    mark: /\.(?:com|net|org|io|ai|dev|app|cloud|internal|local|lan|corp|svc|test|example|invalid|cn|co|eu|de|uk|us|info|tech|xyz)/,
  },
  { pattern: /\blocalhost(?::\d+)?(?:\/[^\s"'`<>)]*)?/gi, instead: '[host]', mark: ['localhost'] },
  {
    pattern: /(?<![\w.])\/(?:usr|home|root|var|opt|etc|tmp|mnt|data|app|models?|srv|workspace|Users)\/[^\s"'`:,)]+/g,
    instead: '[path]',
    mark: ['/'],
  },
  // What no word looks like: a very long run (keys, UUIDs, addresses).
  { pattern: /[\w-]{32,}/g, instead: hidden },
  // What was sent: values that validators echo, and long quotations.
  { pattern: /\binput_value=.*(?:, input_type=\w+|$)/g, instead: `input_value=${hidden}`, mark: ['input_value'] },
  {
    pattern:
      /([:=](?<=\b(?:input_value|input|flagged_input|received|value|prompt)["']? ?[:=]) ?)(?:"[^"]{0,999}"|'[^']*'|\{[^}]*\}|\[[^\]]*\])/gi,
    instead: `$1${hidden}`,
    mark: /[:=] ?["'{[]/,
  },
  { pattern: /"[^"]{48,}"|(?<!\w)'[^']{48,}'(?!\w)|`[^`]{48,}`/g, instead: hidden },
];

const everywhere = secrets.filter((secret) => secret.everywhere);

/** Makes a sentence of somebody else's safe to show, at most 500 characters long. Empty where nothing is left to say. */
export function redact(sentence: string): string {
  return shortened(without(secrets, readable(sentence, longestRead)), longestMessage);
}

/**
 * Takes keys, passwords and e-mail addresses out of a text of our own, for a log. Hosts, ids and what was said stay, so
 * the text must be one of ours. One line, at most 2 000 characters long.
 */
export function hideSecrets(text: string): string {
  return shortened(without(everywhere, readable(text, 2 * longestRead)), longestRead);
}

function without(list: readonly Secret[], text: string): string {
  const lower = text.toLowerCase();
  return list.reduce(
    (rest, { pattern, instead, mark }) => (isMarked(lower, mark) ? rest.replace(pattern, instead) : rest),
    text,
  );
}

function shortened(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}

function isMarked(lower: string, mark: Secret['mark']): boolean {
  if (mark === undefined) return true;
  return mark instanceof RegExp ? mark.test(lower) : mark.some((word) => lower.includes(word));
}

/** One line, without control characters; a cut goes between words, so that no part of a key survives at the edge. */
function readable(sentence: string, longest: number): string {
  const cut = sentence.length > longest ? sentence.slice(0, longest).replace(/\S*$/, '') : sentence;
  // eslint-disable-next-line no-control-regex -- they have no place in a message
  return cut.replace(/\s*[\u0000-\u001f\u007f]\s*|\s{2,}/g, ' ').trim();
}
