/** What sentences say of a service: it is out of memory, money, capacity or patience, or it broke. */
import { anywhere, family, notLimits, requests, type Row, servers } from './prose-row.js';

export const memory: readonly Row[] = [
  {
    type: 'out_of_memory',
    on: anywhere,
    about: /mem|oom|alloc|ram|e1001/,
    says: family(String.raw`
      out ?of ?memory
      \boom\b
      oom[- ]?killed
      cuda ?malloc failed
      (?:failed|unable|cannot|could not) to? ?allocate
      (?:insufficient|not enough|no available|no free|exceeds? (?:the )?available)(?: \w{1,24}){0,2} (?:v?ram|memory)
      requires more(?: \w{1,24}){0,2} memory
      allocation on device
      memory allocation
      alloc failed
      \be1001\b
    `),
    unless: /memory limit of your plan/,
  },
];

export const money: readonly Row[] = [
  {
    type: 'rate_limited',
    on: anywhere,
    says: family(String.raw`
      (?:quota (?:exceeded|metric|limit)|exhausted)[^.]{0,160}per (?:minute|second|hour)
      quota exceeded for (?:quota )?metric
      resource (?:has been )?exhausted
      exhausted your capacity
      gateway error: quota limit
      service tier capacity
    `),
    unless: family(String.raw`
      limit: 0\b
      free quota tier
      billing (?:account|hard)
      prepay
      credits? (?:are|is) (?:depleted|exhausted)
      spend
      daily
      per day
    `),
  },
  {
    type: 'quota_exceeded',
    on: anywhere,
    about:
      /balance|credit|fund|quota|afford|bill|spend|limit|budget|payment|prepa|arrear|overdue|standing|recharge|top ?up|allowance|month|tier|trial|subscription|included|upgrade|[\u4e00-\u9fff]/,
    says: family(String.raw`
      insufficient (?:\w{1,24} ){0,4}(?:quota|credits?|balance|funds?)
      (?:balance|credits?|funds?)(?: \w{1,24}){0,3} (?:too low|insufficient|not enough|not sufficient|exhausted|depleted|used up|zero)
      (?:zero|negative|no|low|insufficient|not enough|ran out of|run out of|out of|lack(?:s|ing)?(?: sufficient)?|exhausted(?: \w{1,24})?)(?: \w{1,24})? (?:balance|credits|funds)\b
      (?:balance|credits?) (?:is |of )?\$?-?0\b
      (?:requires?|need) more credits
      can only afford
      billing (?:hard limit|limit|details|not active|cap|cycle|is (?:not|disabled))
      maximum billing
      spend(?:ing)? (?:limit|cap|threshold)
      hard limit (?:has been )?reached
      over budget
      budget (?:has been |is )?(?:exceeded|exhausted|reached)
      exceeded ?(?:\w{1,24} ?)?budget
      payment (?:is )?required
      (?:valid|invalid|missing|no|update your|declined) payment method
      prepay
      prepaid
      arrears
      arrearage
      overdue
      in good standing
      recharge
      \btop ?up\b
      (?:usage|plan|subscription|monthly|weekly|session|annual|credit|5[- ]hour|daily free|free)(?: \w{1,24}){0,2} (?:limit|quota|allowance)s?\b
      / ?month
      per month
      free (?:quota )?tier (?:of the model )?(?:has been |is )?exhausted
      free quota
      (?:exceeded|exhausted|used up|reached) (?:\w{1,24} )?(?:current |free |your )?quota
      quota (?:has been |is |was )?(?:exceeded|exhausted|used up|reached)
      subscription (?:has |is |was )?(?:expired|inactive|cancel+ed|not active)
      trial (?:has )?(?:expired|ended)
      (?:not|isn't) included in your
      upgrade your (?:plan|subscription) to continue
      余额
      欠费
      额度
      配额
      充值
    `),
    unless: family(String.raw`
      increase your rate limit
      rate limit (?:reached|exceeded)
      rate[- ]limit(?:ed)? (?:reached|exceeded|error)
      session rate limit
      call rate limit
      unlock \d+
      per (?:min|minute|second|hour)\b
      daily request
    `),
  },
];

export const capacity: readonly Row[] = [
  {
    type: 'model_overloaded',
    on: ['none', 'limit', 'server'],
    about: /load|capacity|backpressure|demand|traffic|volume|busy|users|queue|maint|slot|worker|gpu|[\u4e00-\u9fff]/,
    says: family(String.raw`
      overload
      over ?capacity
      at (?:full |maximum |max )?capacity
      capacity (?:\w{1,24} )?(?:limits?|constraints?|exhausted|reached|exceeded)
      backpressure
      (?:maximum|full|insufficient|no|out of) capacity
      high (?:demand|traffic|load|volume)
      heavy (?:load|traffic)
      too (?:busy|many users|much traffic)
      (?:server|service|system|engine|api|model) (?:is )?(?:currently |temporarily |too )*busy
      \bbusy\b
      queue (?:is |was )?(?:full|too long|exceeded)
      under maintenance
      no (?:available|free|healthy|idle) (?:slots?|workers?|capacity|gpus?)
      exceeds maximum queue
      服务(?:器)?繁忙
      负载
      过载
      访问量过大
    `),
    unless: family(String.raw`
      quota
      rate limit
      service tier capacity
      tokens? per
      requests? per
    `),
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
    says: family(String.raw`
      incompatible with
      corrupt\w{0,10}
      unsupported model (?:format|architecture)
      unknown model architecture
      no models? (?:is |are |currently )?loaded
    `),
    unless: /does not support/,
  },
  {
    type: 'model_loading_failed',
    on: ['none', 'limit', 'server'],
    about: /load|warm|cold|ready|start|initiali|deploy|provision|instance|replica|worker|attached/,
    says: family(String.raw`
      (?:is|still|currently|being|while) (?:loading|loaded|warming|starting|initiali[sz]ing|deployed|provisioned)
      loading (?:the )?(?:model|weights)
      model (?:is )?(?:loading|not (?:yet )?(?:loaded|ready))
      warm(?:ing)? up
      cold[- ]?start
      not (?:at |in )?(?:a )?ready
      no instances available
      (?:failed|unable|could not|cannot|error)(?: to)? load
      (?:failed|unable) to start
      runner to start
      error loading
      no attached inference engine
      load(?:ing)? failed
      no (?:ready|running) (?:instances?|replicas?|workers?)
    `),
  },
];

export const timeouts: readonly Row[] = [
  {
    type: 'inference_timeout',
    on: servers,
    says: family(String.raw`
      tim(?:ed?|ing) ?-?out
      timeout
      deadline (?:has been )?exceeded
      took too long
      did not respond in time
      超时
    `),
    unless: family(String.raw`
      connect(?:ion)? tim
      peer keepalive
      connecting
    `),
  },
];

export const limits: readonly Row[] = [
  {
    type: 'rate_limited',
    on: ['none', 'request', 'server'],
    says: family(String.raw`
      rate[- ]?limit
      too many (?:requests|tokens)
      throttl
      (?:requests?|tokens?|queries) per (?:min|minute|day|second|hour)
      concurren\w{1,24} (?:limit|requests)
      request limit (?:reached|exceeded)
      限流
      频率
      速率
      请求过于频繁
    `),
    unless: family(String.raw`
      invalid
      unsupported
      parameter
    `),
  },
];

export const failures: readonly Row[] = [
  {
    type: 'permission_denied',
    on: anywhere,
    says: /error code:? ?10(?!15)\d\d/,
  },
  {
    type: 'generation_failed',
    on: notLimits,
    says: family(String.raw`
      (?:model|runner|worker|engine|server process)(?: \w{1,24}){0,3} (?:crashed|died|terminated)
      worker died
      exit code
    `),
  },
  {
    type: 'upstream_unavailable',
    on: notLimits,
    says: family(String.raw`
      (?:upstream )?connect(?:ion)? (?:\w{1,24} ){0,2}(?:error|refused|reset|closed|lost|terminated|failed)
      econn(?:refused|reset|aborted)
      enotfound
      bad gateway
      no healthy upstream
      upstream (?:error|failure|unavailable)
      fetch failed
      socket hang ?up
      other side closed
      temporarily unavailable
      service (?:is |was )?unavailable
      unable to (?:reach|connect)
      could not (?:reach|connect)
      prediction interrupted
      unexpected error handling prediction
    `),
  },
  {
    type: 'generation_failed',
    on: servers,
    says: family(String.raw`
      (?:during|while|in) (?:generation|generating|inference|response stream)
      (?:while|when) (?:running|executing|processing)(?: \w{1,24}){0,2} (?:model|prompt|inference|prediction)
      (?:failed|unable) to generate
      (?:generation|inference|prediction)(?: has| was)? (?:failed|error)
      (?:runner|worker|engine|model)(?: \w{1,24}){0,3} (?:failed|stopped|errored)
      (?:cuda|compute|kernel|decode|sampling|tensor) error
      unhandled stop reason
      model (?:failed|error)
      failed to (?:sampl|decod|infer|process the (?:prompt|request))\w{0,10}
      \bnans?\b
      internal error$
    `),
  },
];
