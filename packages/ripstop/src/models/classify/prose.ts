/**
 * What sentences say. Each row is a family of words, not a sentence of one provider; the first row that speaks wins.
 *
 * The text is that of `evidence.ts`: lower case, without URLs, quotes and backticks, `_` turned to blanks, so that codes
 * nobody has listed yet can be read as words. Every pattern is linear: no nested repetition, gaps are bounded.
 */
import type { Verdict } from './verdict.js';

/** A row holds only on these answers. `none`: a text without a status, or in a success. */
export type Side = 'none' | 'request' | 'limit' | 'server';

interface Row extends Verdict {
  readonly on: readonly Side[];
  readonly says: RegExp;
  /** Words that show that the row does not mean this. */
  readonly unless?: RegExp;
  /** The only statuses on which the row holds, where the side is too wide. */
  readonly statuses?: readonly number[];
}

const anywhere: readonly Side[] = ['none', 'request', 'limit', 'server'];
const notLimits: readonly Side[] = ['none', 'request', 'server'];
const requests: readonly Side[] = ['none', 'request'];
const servers: readonly Side[] = ['none', 'server'];

const memory: readonly Row[] = [
  {
    type: 'out_of_memory',
    on: anywhere,
    says: /out ?of ?memory|\boom\b|oom[- ]?killed|cuda ?malloc failed|(?:failed|unable|cannot|could not) to? ?allocate|(?:insufficient|not enough|no available|no free|exceeds? (?:the )?available)(?: \w{1,24}){0,2} (?:v?ram|memory)|requires more(?: \w{1,24}){0,2} memory|allocation on device|memory allocation|alloc failed|\be1001\b/,
    unless: /memory limit of your plan/,
  },
];

/** The window is full. First what looks like it and is not: caps on the output, on strings, bytes and images. */
const context: readonly Row[] = [
  {
    type: 'invalid_input',
    on: requests,
    says: /maximum allowed number of output tokens|maximum output for this model|(?:at most|maximum(?: of)?|up to) \d+ (?:completion|output|new) tokens|max (?:new|output|completion) tokens must be (?:<=|less|at most|between)|max tokens[^.]{0,60}(?:less than or equal to|must be between|maximum value)|string too long|image (?:exceeds|is too)|(?:bytes|characters|mb|images?)(?: \w{1,24})? (?:maximum|limit)/,
    unless: /context|prompt contains|inputs tokens/,
  },
  {
    type: 'context_length_exceeded',
    on: notLimits,
    says: /(?:maximum|max|model'?s?|available|configured|supported|endpoint'?s?|smaller) (?:context|sequence) (?:length|window|size|limit)|(?:exceed\w{0,3}|longer than|larger than|greater than|beyond|overflow\w{0,10}|less than|below|fit (?:in|into|within)|too (?:large|long|big) for)[^.]{0,80}(?:context|maximum model length|max(?:imum)? (?:model|prompt|sequence|input) (?:length|len)|available (?:context|window))|context (?:length|window|size|limit)[^.]{0,60}(?:exceed\w{0,3}|overflow|too (?:small|long|short)|not enough|reached|is full|of only)|context (?:overflow|size has been)|too large to process|\bn ?ctx\b|kv[- ]cache can hold|kv capacity|exceeds? (?:the )?max(?:imum)? (?:message|input|context|prompt|model) tokens/,
    unless: /not (?:yet )?available|beta|deadline/,
  },
  {
    type: 'context_length_exceeded',
    on: notLimits,
    says: /(?:prompt|input|inputs|conversation|messages?|request)(?: \w{1,24})? (?:is |are |was )?too long|too long for (?:the |this |requested )*model|prompt is too large|input tokens? exceed|(?:token count|number of tokens|input length|prompt length|tokens in the prompt)[^.]{0,60}(?:exceed|cannot exceed|larger|greater|longer|must be less|too long)|maximum (?:allowed )?(?:prompt|input) (?:length|tokens)|range of input length|exceeded model token limit|tokens? limit exceeded|inputs must have less than|inputs tokens \+ max new tokens|max tokens must be at least 1, got -|exceeds? (?:the )?(?:model )?(?:maximum )?(?:limit of|token limit|max(?:imum)? length)|reduce the length of the (?:messages|prompt|input)|shorten (?:your|the) (?:prompt|input|messages)/,
    unless: /per (?:day|minute|hour|min)|string|characters|bytes|\bimages?\b|max tokens: \d/,
  },
  {
    type: 'context_length_exceeded',
    on: ['none', 'request'],
    says: /too many (?:input |total )?tokens|total tokens exceeds?/,
    unless: /per (?:day|minute|hour|min)|wait|try again|maximum output/,
  },
  {
    type: 'context_length_exceeded',
    on: anywhere,
    says: /上下文|(?:输入|提示词?|内容|请求).{0,8}(?:过长|太长)|超[出过]了?.{0,12}(?:最大|模型).{0,8}(?:长度|限制|token)|长度.{0,8}超[出过限]/,
  },
];

const content: readonly Row[] = [
  {
    type: 'content_filtered',
    on: ['none', 'request', 'server'],
    says: /content[- ](?:policy|policies|filter\w{0,10}|moderation|management|exists risk|safety|restrictions?)|(?:safety|moderation) (?:system|filters?|polic\w{1,24}|settings?|checks?|guidelines|reasons?)|\bmoderat(?:ed|ion)\b|(?:was|been|were|is|content|input|output|prompt) flagged|flagged (?:for|as|by)|(?:sensitive|inappropriate|prohibited|harmful|unsafe|explicit|disallowed) (?:content|information|words?|data|material|output|input|prompt)|potentially unsafe|violat\w{1,24}(?: \w{1,24}){0,5} (?:polic\w{1,24}|guidelines|terms)|(?:blocked|rejected|refused|filtered) (?:by|due to|because of|for)(?: \w{1,24}){0,4} (?:safety|polic\w{1,24}|content|moderation|guardrails?|responsible)|responsible ai|guardrails?|\bnsfw\b|prompt (?:was )?blocked|blocked (?:input|output|prompt)|candidate blocked|risk control|敏感|违规|不安全|内容安全/,
    unless: /connection|proxy|data policy|free model publication/,
  },
];

const money: readonly Row[] = [
  {
    type: 'rate_limited',
    on: anywhere,
    says: /(?:quota (?:exceeded|metric|limit)|exhausted)[^.]{0,160}per (?:minute|second|hour)|quota exceeded for (?:quota )?metric|resource (?:has been )?exhausted|exhausted your capacity|gateway error: quota limit|service tier capacity/,
    unless:
      /limit: 0\b|free quota tier|billing (?:account|hard)|prepay|credits? (?:are|is) (?:depleted|exhausted)|spend|daily|per day/,
  },
  {
    type: 'quota_exceeded',
    on: anywhere,
    says: /insufficient (?:\w{1,24} ){0,4}(?:quota|credits?|balance|funds?)|(?:balance|credits?|funds?)(?: \w{1,24}){0,3} (?:too low|insufficient|not enough|not sufficient|exhausted|depleted|used up|zero)|(?:zero|negative|no|low|insufficient|not enough|ran out of|run out of|out of|lack(?:s|ing)?(?: sufficient)?|exhausted(?: \w{1,24})?)(?: \w{1,24})? (?:balance|credits|funds)\b|(?:balance|credits?) (?:is |of )?\$?-?0\b|(?:requires?|need) more credits|can only afford|billing (?:hard limit|limit|details|not active|cap|cycle|is (?:not|disabled))|maximum billing|spend(?:ing)? (?:limit|cap|threshold)|hard limit (?:has been )?reached|over budget|budget (?:has been |is )?(?:exceeded|exhausted|reached)|exceeded ?(?:\w{1,24} ?)?budget|payment (?:is )?required|(?:valid|invalid|missing|no|update your|declined) payment method|prepay|prepaid|arrears|arrearage|overdue|in good standing|recharge|top ?up|(?:usage|plan|subscription|monthly|weekly|session|annual|credit|5[- ]hour|daily free|free)(?: \w{1,24}){0,2} (?:limit|quota|allowance)s?\b|\/ ?month|per month|free (?:quota )?tier (?:of the model )?(?:has been |is )?exhausted|free quota|(?:exceeded|exhausted|used up|reached) (?:\w{1,24} )?(?:current |free |your )?quota|quota (?:has been |is |was )?(?:exceeded|exhausted|used up|reached)|subscription (?:has |is |was )?(?:expired|inactive|cancel+ed|not active)|trial (?:has )?(?:expired|ended)|(?:not|isn't) included in your|upgrade your (?:plan|subscription) to continue|余额|欠费|额度|配额|充值/,
    unless:
      /increase your rate limit|rate limit (?:reached|exceeded)|rate[- ]limit(?:ed)? (?:reached|exceeded|error)|session rate limit|call rate limit|unlock \d+|per (?:min|minute|second|hour)\b|daily request/,
  },
];

const capacity: readonly Row[] = [
  {
    type: 'model_overloaded',
    on: ['none', 'limit', 'server'],
    says: /overload|over ?capacity|at (?:full |maximum |max )?capacity|capacity (?:\w{1,24} )?(?:limits?|constraints?|exhausted|reached|exceeded)|backpressure|(?:maximum|full|insufficient|no|out of) capacity|high (?:demand|traffic|load|volume)|heavy (?:load|traffic)|too (?:busy|many users|much traffic)|(?:server|service|system|engine|api|model) (?:is )?(?:currently |temporarily |too )*busy|\bbusy\b|queue (?:is |was )?(?:full|too long|exceeded)|under maintenance|no (?:available|free|healthy|idle) (?:slots?|workers?|capacity|gpus?)|exceeds maximum queue|服务(?:器)?繁忙|负载|过载|访问量过大/,
    unless: /quota|rate limit|service tier capacity|tokens? per|requests? per/,
  },
  { type: 'model_overloaded', on: ['server'], says: /slow down/ },
  {
    type: 'model_loading_failed',
    on: requests,
    retryable: false,
    says: /(?:failed|unable|error|could not)(?: to)? load(?:ing)? (?:the )?model|no attached/,
  },
  {
    type: 'model_loading_failed',
    on: ['none', 'request', 'server'],
    retryable: false,
    says: /incompatible with|corrupt\w{0,10}|unsupported model (?:format|architecture)|unknown model architecture|no models? (?:is |are |currently )?loaded/,
    unless: /does not support/,
  },
  {
    type: 'model_loading_failed',
    on: ['none', 'limit', 'server'],
    says: /(?:is|still|currently|being|while) (?:loading|loaded|warming|starting|initiali[sz]ing|deployed|provisioned)|loading (?:the )?(?:model|weights)|model (?:is )?(?:loading|not (?:yet )?(?:loaded|ready))|warm(?:ing)? up|cold[- ]?start|not (?:at |in )?(?:a )?ready|no instances available|(?:failed|unable|could not|cannot|error)(?: to)? load|(?:failed|unable) to start|runner to start|error loading|no attached inference engine|load(?:ing)? failed|no (?:ready|running) (?:instances?|replicas?|workers?)/,
  },
];

const timeouts: readonly Row[] = [
  {
    type: 'inference_timeout',
    on: servers,
    says: /tim(?:ed?|ing) ?-?out|timeout|deadline (?:has been )?exceeded|took too long|did not respond in time|超时/,
    unless: /connect(?:ion)? tim|peer keepalive|connecting/,
  },
];

const limits: readonly Row[] = [
  {
    type: 'rate_limited',
    on: ['none', 'request', 'server'],
    says: /rate[- ]?limit|too many (?:requests|tokens)|throttl|(?:requests?|tokens?|queries) per (?:min|minute|day|second|hour)|concurren\w{1,24} (?:limit|requests)|request limit (?:reached|exceeded)|限流|频率|速率|请求过于频繁/,
    unless: /invalid|unsupported|parameter/,
  },
];

const models: readonly Row[] = [
  {
    type: 'invalid_input',
    on: requests,
    says: /page not found|invalid url|no (?:matching )?(?:route|cord)|unknown (?:url|endpoint|route|path)|unrecognized request url|route not found|method not allowed|(?:dataset|file|batch|job|template|voice|connector|thread|assistant|adapter)s?(?: \S{1,100}){0,4} (?:not found|does not exist)|404 not found for/,
  },
  {
    type: 'model_not_found',
    on: notLimits,
    says: /models? (?:id |name |identifier |code )?(?:\S{1,100} ){0,6}?(?:(?:was |is |were |could |can )?not (?:be )?found|(?:do|does)(?:n't| not) exist|not exist|(?:is |was |has been |been )+(?:deactivated|decommissioned|deprecated|removed|retired|shut down|sunset|discontinued|unknown|invalid)|is not a valid|is no longer|no longer (?:available|supported|exists))|(?:unknown|invalid|no such|non-?existent|unrecognized|unsupported|not a valid|unexpected|nonexistent) (?:model|checkpoint|engine|deployment)|(?:not found|no|find|resolve) (?:the |a |any |allowed |available )?(?:matching |foundation |publisher )?(?:models?|chutes?|deployments?|endpoints?|(?:model )?providers?)\b(?! method)|(?:deployment|chute|engine|function)[^.]{0,80}(?:not found|does not exist|not exist)|not a valid model|model not found|unknown publisher|模型不存在|不存在.{0,6}模型/,
    statuses: [400, 401, 404, 410, 422, 424, 500, 501, 502, 503],
    unless:
      /models? (?:is |are )?(?:loaded|required|provided)|no model (?:was )?(?:specified|provided|loaded)|support tool|dataset/,
  },
  {
    type: 'model_not_found',
    on: requests,
    statuses: [400, 401, 404, 410, 422],
    says: /models?(?: \S{1,100}){0,4} (?:is|are) (?:currently |temporarily )?(?:not available|unavailable)|model(?: \S{1,100}){0,2} is not supported(?=$|[.),])/,
  },
];

const access: readonly Row[] = [
  {
    type: 'authentication_failed',
    on: requests,
    says: /(?:invalid|incorrect|missing|wrong|expired|revoked|malformed|bad|no|unknown|empty|without|inactive|disabled) (?:or \w{1,24} )?(?:\w{1,24} ){0,3}?(?:api[- ]?keys?|access[- ]?keys?|subscription key|credentials?|bearer|authorization|authentication|auth|tokens?|signature)\b|signature (?:\w{1,24} ){0,3}(?:does not|doesn't) match|(?:api[- ]?key|access token|auth\w{0,10} token|oauth token|security token|token|credentials?|authentication key|key)(?: \S{1,100}){0,4} (?:not valid|(?:is|are|was|were|has been|been) (?:invalid|expired|missing|required|revoked|leaked|disabled|blocked|invalidated|not found|deleted|inactive|incorrect)|not found|expired|reported)|authentication (?:\w{1,24} )?(?:fail\w{0,10}|error|is required|required|token)|authorization (?:header )?(?:fail\w{0,10}|required|is missing|missing)|un-?authori[sz]ed|unauthenticated|not authenticated|could not be authenticated|(?:didn't|did not) provide an api key|provide (?:a |an |your )?(?:valid )?api[- ]?key|bearer (?:auth\w{0,10}|token)|no such user|user not found|log ?in required|please (?:log|sign) ?in|can't find a user|cannot authenticate|login fail|鉴权|身份验证|密钥/,
    unless:
      /thinking|thought|tokens? (?:count|limit|per)|max tokens|input tokens|(?:invalid|unexpected|special|stop|eos|unknown) tokens?\b(?! supplied)[^.]{0,20}(?:in|at|id)\b/,
    statuses: [400, 401, 403, 407],
  },
  {
    type: 'permission_denied',
    on: requests,
    says: /permission|forbidden|access (?:is |was |has been )?(?:denied|disabled|restricted)|access denied|(?:do|does)(?:n't| not) (?:yet )?(?:have|include) (?:\w{1,24} )?access|no access to|not (?:allowed|permitted|authorized|entitled|eligible|enabled|activated) (?:to|for|by|in)|(?:not|isn't) (?:yet )?available (?:for|in|on|to) (?:this|your|the)|only available (?:for|to|in)|location is not supported|(?:country|region|territory)[^.]{0,40}not supported|not supported (?:in|for) your (?:country|region|location)|has (?:been|not been) (?:disabled|restricted|suspended|used in project)|must be verified|verify your organization|accept the|terms|use case details|gated|organization (?:has been |is )?(?:disabled|restricted)|not support(?:ed)? (?:on|by|in|for) your/,
    statuses: [400, 403, 404],
    unless: /not permitted values|permitted values|not allowed values/,
  },
];

const failures: readonly Row[] = [
  {
    type: 'permission_denied',
    on: anywhere,
    says: /error code:? ?10(?!15)\d\d/,
  },
  {
    type: 'generation_failed',
    on: notLimits,
    says: /(?:model|runner|worker|engine|server process)(?: \w{1,24}){0,3} (?:crashed|died|terminated)|worker died|exit code/,
  },
  {
    type: 'upstream_unavailable',
    on: notLimits,
    says: /(?:upstream )?connect(?:ion)? (?:\w{1,24} ){0,2}(?:error|refused|reset|closed|lost|terminated|failed)|econn(?:refused|reset|aborted)|enotfound|bad gateway|no healthy upstream|upstream (?:error|failure|unavailable)|fetch failed|socket hang ?up|other side closed|temporarily unavailable|service (?:is |was )?unavailable|unable to (?:reach|connect)|could not (?:reach|connect)|prediction interrupted|unexpected error handling prediction/,
  },
  {
    type: 'generation_failed',
    on: servers,
    says: /(?:during|while|in) (?:generation|generating|inference|response stream)|(?:while|when) (?:running|executing|processing)(?: \w{1,24}){0,2} (?:model|prompt|inference|prediction)|(?:failed|unable) to generate|(?:generation|inference|prediction)(?: has| was)? (?:failed|error)|(?:runner|worker|engine|model)(?: \w{1,24}){0,3} (?:failed|stopped|errored)|(?:cuda|compute|kernel|decode|sampling|tensor) error|unhandled stop reason|model (?:failed|error)|failed to (?:sampl|decod|infer|process the (?:prompt|request))\w{0,10}|\bnans?\b|internal error$/,
  },
];

const rows: readonly Row[] = [
  ...memory,
  ...context,
  ...content,
  ...money,
  ...capacity,
  ...timeouts,
  ...limits,
  ...models,
  ...access,
  ...failures,
];

const rowsBySide: Readonly<Record<Side, readonly Row[]>> = {
  none: rows.filter(({ on }) => on.includes('none')),
  request: rows.filter(({ on }) => on.includes('request')),
  limit: rows.filter(({ on }) => on.includes('limit')),
  server: rows.filter(({ on }) => on.includes('server')),
};

/** The side on which an answer stands. */
export function sideOf(status: number | undefined): Side {
  if (status === undefined || status < 400) return 'none';
  if (status === 429 || status === 498) return 'limit';
  return status < 500 && status !== 408 && status !== 424 ? 'request' : 'server';
}

/** The cause that a sentence names, on an answer with this status. */
export function proseVerdict(text: string, status: number | undefined): Verdict | undefined {
  if (text === '') return undefined;
  for (const row of rowsBySide[sideOf(status)]) {
    if (holdsOn(row, status) && row.says.test(text) && row.unless?.test(text) !== true) return row;
  }
  return undefined;
}

function holdsOn({ statuses }: Row, status: number | undefined): boolean {
  return statuses === undefined || status === undefined || status < 400 || statuses.includes(status);
}

/** This one request is larger than the limit ever allows. */
export function isTooLarge(text: string): boolean {
  return /too large|must be reduced/.test(text);
}

/** The limit is full again only tomorrow. */
export function isDaily(text: string): boolean {
  return /per[- ]day|\bdaily\b|tomorrow|\btoday\b/.test(text);
}
