/** What sentences say of a request: it is too long, refused, for a model that is not there, or not allowed. */
import { anywhere, family, notLimits, requests, type Row } from './prose-row.js';

/** The window is full. First what looks like it and is not: caps on the output, on strings, bytes and images. */
export const context: readonly Row[] = [
  {
    type: 'invalid_input',
    on: requests,
    about: /max|up to|string|image|bytes|character|mb|at most/,
    says: family(String.raw`
      maximum allowed number of output tokens
      maximum output for this model
      (?:at most|maximum(?: of)?|up to) \d+ (?:completion|output|new) tokens
      max (?:new|output|completion) tokens must be (?:<=|less|at most|between)
      max tokens[^.]{0,60}(?:less than or equal to|must be between|maximum value)
      string too long
      image (?:exceeds|is too)
      (?:bytes|characters|mb|images?)(?: \w{1,24})? (?:maximum|limit)
    `),
    unless: family(String.raw`
      context
      prompt contains
      inputs tokens
    `),
  },
  {
    type: 'context_length_exceeded',
    on: notLimits,
    about: /context|window|sequence|max|n ?ctx|kv|too large/,
    says: family(String.raw`
      (?:maximum|max|model'?s?|available|configured|supported|endpoint'?s?|smaller) (?:context|sequence) (?:length|window|size|limit)
      (?:exceed\w{0,3}|longer than|larger than|greater than|beyond|overflow\w{0,10}|less than|below|fit (?:in|into|within)|too (?:large|long|big) for)[^.]{0,80}(?:context|maximum model length|max(?:imum)? (?:model|prompt|sequence|input) (?:length|len)|available (?:context|window))
      context (?:length|window|size|limit)[^.]{0,60}(?:exceed\w{0,3}|overflow|too (?:small|long|short)|not enough|reached|is full|of only)
      context (?:overflow|size has been)
      too large to process
      \bn ?ctx\b
      kv[- ]cache can hold
      kv capacity
      exceeds? (?:the )?max(?:imum)? (?:message|input|context|prompt|model) tokens
    `),
    unless: family(String.raw`
      not (?:yet )?available
      beta
      deadline
    `),
  },
  {
    type: 'context_length_exceeded',
    on: notLimits,
    about: /long|length|limit|exceed|less|large|token|shorten/,
    says: family(String.raw`
      (?:prompt|input|inputs|conversation|messages?|request)(?: \w{1,24})? (?:is |are |was )?too long
      too long for (?:the |this |requested )*model
      prompt is too large
      input tokens? exceed
      (?:token count|number of tokens|input length|prompt length|tokens in the prompt)[^.]{0,60}(?:exceed|cannot exceed|larger|greater|longer|must be less|too long)
      maximum (?:allowed )?(?:prompt|input) (?:length|tokens)
      range of input length
      exceeded model token limit
      tokens? limit exceeded
      inputs must have less than
      inputs tokens \+ max new tokens
      max tokens must be at least 1, got -
      exceeds? (?:the )?(?:model )?(?:maximum )?(?:limit of|token limit|max(?:imum)? length)
      reduce the length of the (?:messages|prompt|input)
      shorten (?:your|the) (?:prompt|input|messages)
    `),
    unless: family(String.raw`
      per (?:day|minute|hour|min)
      string
      characters
      bytes
      \bimages?\b
      max tokens: \d
    `),
  },
  {
    type: 'context_length_exceeded',
    on: ['none', 'request'],
    says: /too many (?:input |total )?tokens|total tokens exceeds?/,
    unless: family(String.raw`
      per (?:day|minute|hour|min)
      wait
      try again
      maximum output
    `),
  },
  {
    type: 'context_length_exceeded',
    on: anywhere,
    about: /[\u4e00-\u9fff]/,
    says: family(String.raw`
      上下文
      (?:输入|提示词?|内容|请求).{0,8}(?:过长|太长)
      超[出过]了?.{0,12}(?:最大|模型).{0,8}(?:长度|限制|token)
      长度.{0,8}超[出过限]
    `),
  },
];

export const content: readonly Row[] = [
  {
    type: 'content_filtered',
    on: ['none', 'request', 'server'],
    about:
      /content|safety|moderat|flag|sensitiv|inappropr|prohib|harm|unsafe|explicit|disallow|violat|block|reject|refus|filter|responsib|guard|nsfw|risk|[\u4e00-\u9fff]/,
    says: family(String.raw`
      content[- ](?:policy|policies|filter\w{0,10}|moderation|management|exists risk|safety|restrictions?)
      (?:safety|moderation) (?:system|filters?|polic\w{1,24}|settings?|checks?|guidelines|reasons?)
      \bmoderat(?:ed|ion)\b
      (?:was|been|were|is|content|input|output|prompt) flagged
      flagged (?:for|as|by)
      (?:sensitive|inappropriate|prohibited|harmful|unsafe|explicit|disallowed) (?:content|information|words?|data|material|output|input|prompt)
      potentially unsafe
      violat\w{1,24}(?: \w{1,24}){0,5} (?:polic\w{1,24}|guidelines|terms)
      (?:blocked|rejected|refused|filtered) (?:by|due to|because of|for)(?: \w{1,24}){0,4} (?:safety|polic\w{1,24}|content|moderation|guardrails?|responsible)
      responsible ai
      guardrails?
      \bnsfw\b
      prompt (?:was )?blocked
      blocked (?:input|output|prompt)
      candidate blocked
      risk control
      敏感
      违规
      不安全
      内容安全
    `),
    unless: family(String.raw`
      connection
      proxy
      data policy
      free model publication
    `),
  },
];

export const models: readonly Row[] = [
  {
    type: 'invalid_input',
    on: requests,
    about: /not found|url|route|cord|unknown|method|exist/,
    says: family(String.raw`
      page not found
      invalid url
      no (?:matching )?(?:route|cord)
      unknown (?:url|endpoint|route|path)
      unrecognized request url
      route not found
      method not allowed
      (?:dataset|file|batch|job|template|voice|connector|thread|assistant|adapter)s?(?: \S{1,100}){0,4} (?:not found|does not exist)
      404 not found for
    `),
  },
  {
    type: 'model_not_found',
    on: notLimits,
    about: /model|chute|deploy|endpoint|engine|provider|publisher|checkpoint|account|[\u4e00-\u9fff]/,
    says: family(String.raw`
      models? (?:id |name |identifier |code )?(?:\S{1,100} ){0,6}?(?:(?:was |is |were |could |can )?not (?:be )?found|(?:do|does)(?:n't| not) exist|not exist|(?:is |was |has been |been )+(?:deactivated|decommissioned|deprecated|removed|retired|shut down|sunset|discontinued|unknown|invalid)|is not a valid|is no longer|no longer (?:available|supported|exists))
      (?:unknown|invalid|no such|non-?existent|unrecognized|unsupported|not a valid|unexpected|nonexistent) (?:model|checkpoint|engine|deployment)
      (?:not found|no|find|resolve) (?:the |a |any |allowed |available )?(?:matching |foundation |publisher )?(?:models?|chutes?|deployments?|endpoints?|(?:model )?providers?)\b(?! method)
      (?:deployment|chute|engine)[^.]{0,80}(?:not found|does not exist|not exist)
      not found for account
      not a valid model
      model not found
      unknown publisher
      模型不存在
      不存在.{0,6}模型
    `),
    statuses: [400, 401, 404, 410, 422, 424, 500, 501, 502, 503],
    unless: family(String.raw`
      models? (?:is |are )?(?:loaded|required|provided)
      no model (?:was )?(?:specified|provided|loaded)
      support tool
      dataset
    `),
  },
  {
    type: 'model_not_found',
    on: requests,
    statuses: [400, 401, 404, 410, 422],
    says: /models?(?: \S{1,100}){0,4} (?:is|are) (?:currently |temporarily )?(?:not available|unavailable)|model(?: \S{1,100}){0,2} is not supported(?=$|[.),])/,
  },
];

export const access: readonly Row[] = [
  {
    type: 'authentication_failed',
    on: requests,
    about: /key|cred|bearer|auth|token|signature|user|log|sign|[\u4e00-\u9fff]/,
    says: family(String.raw`
      (?:invalid|incorrect|missing|wrong|expired|revoked|malformed|bad|no|unknown|empty|without|inactive|disabled) (?:or \w{1,24} )?(?:\w{1,24} ){0,3}?(?:api[- ]?keys?|access[- ]?keys?|subscription key|credentials?|bearer|authorization|authentication|auth|token|signature)\b
      signature (?:\w{1,24} ){0,3}(?:does not|doesn't) match
      (?:api[- ]?key|access token|auth\w{0,10} token|oauth token|security token|token|credentials?|authentication key|key)(?: \S{1,100}){0,4} (?:not valid|(?:is|are|was|were|has been|been) (?:invalid|expired|missing|required|revoked|leaked|disabled|blocked|invalidated|not found|deleted|inactive|incorrect)|not found|expired|reported)
      authentication (?:\w{1,24} )?(?:fail\w{0,10}|error|is required|required|token)
      authorization (?:header )?(?:fail\w{0,10}|required|is missing|missing)
      un-?authori[sz]ed
      unauthenticated
      not authenticated
      could not be authenticated
      (?:didn't|did not) provide an api key
      provide (?:a |an |your )?(?:valid )?api[- ]?key
      bearer (?:auth\w{0,10}|token)
      no such user
      user not found
      log ?in required
      please (?:log|sign) ?in
      can't find a user
      cannot authenticate
      login fail
      鉴权
      身份验证
      密钥
    `),
    unless: family(String.raw`
      thinking
      thought
      tokens? (?:count|limit|per)
      max tokens
      input tokens
      (?:invalid|unexpected|special|stop|eos|unknown) tokens?\b(?! supplied)[^.]{0,20}(?:in|at|id)\b
    `),
    statuses: [400, 401, 403, 407],
  },
  {
    type: 'permission_denied',
    on: requests,
    about:
      /permi|forbid|access|allow|author|entitle|eligib|activat|enable|available|support|disable|restrict|suspend|project|verif|agree|accept|terms|use case|gated/,
    says: family(String.raw`
      permission
      forbidden
      access (?:is |was |has been )?(?:denied|disabled|restricted)
      access denied
      (?:do|does)(?:n't| not) (?:yet )?(?:have|include) (?:\w{1,24} )?access
      no access to
      (?:account|key|organi[sz]ation|user|project|team|caller|principal|subscription|you)(?: \S{1,100}){0,4} not (?:allowed|permitted|authorized|entitled|eligible|enabled|activated)
      not authorized to
      access to (?:\S{1,100} ){1,6}(?:denied|restricted)
      (?:not|isn't) (?:yet )?available (?:for|in|on|to|with) (?:this|your|the) (?:subscription|account|organi[sz]ation|plan|region|country|project|tier|team|key)
      only available (?:for|to) (?:\w{1,24} )?(?:users|customers|accounts|agents|members|subscribers|tiers?|plans?)
      location is not supported
      (?:country|region|territory)[^.]{0,40}not supported
      not supported (?:in|for) your (?:country|region|location)
      has (?:been|not been) (?:disabled|restricted|suspended|used in project)
      must be verified
      verify your organization
      (?:accept|agree to) (?:the|our) (?:\w{1,24} ){0,3}(?:terms|license|agreement)
      terms (?:of service|required)
      use case details
      gated
      organization (?:has been |is )?(?:disabled|restricted)
      not support(?:ed)? (?:on|by|in|for) your
    `),
    statuses: [400, 403, 404],
    unless: /permitted values|allowed values/,
  },
];
