/**
 * What the network threw: which failure it stands for.
 *
 * Node and undici wrap: `fetch failed` and `terminated` have no code of their own, so the innermost cause decides. A code
 * outranks a name, and a name a sentence: Node's "Error: aborted" is an ECONNRESET, not a caller who left.
 *
 * Sources: the errors of Node's documentation, undici's errors.js, OpenSSL's verify codes as Node names them; names of
 * exceptions in openai, ai, axios, httpx and asyncio.
 */
import type { ErrorType } from '../../errors/error-types.js';
import { normalise } from './codes.js';
import { family } from './prose-row.js';
import { type Verdict, verdict } from './verdict.js';

/** One error of a chain of causes. */
export interface Thrown {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
}

/** An HTTP answer that an SDK's exception carries. */
export interface CarriedAnswer {
  readonly status?: number;
  readonly headers?: unknown;
  /** Text, or what the SDK parsed out of it. */
  readonly body?: unknown;
}

const codes: Partial<Record<ErrorType, string>> = {
  upstream_unavailable: `ECONNREFUSED ECONNRESET ECONNABORTED EPIPE EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ENETRESET
    ENOTFOUND EAI_AGAIN EAI_FAIL EAI_NODATA EAI_NONAME ETIMEDOUT EADDRNOTAVAIL EADDRINUSE ENOTCONN ESHUTDOWN ENOBUFS
    EMFILE ENFILE EACCES EPERM EPROTO EAI_MEMORY UND_ERR_SOCKET UND_ERR_CONNECT_TIMEOUT UND_ERR_SOCKS5
    ERR_STREAM_PREMATURE_CLOSE ERR_STREAM_DESTROYED ERR_SOCKET_CLOSED ERR_SOCKET_CONNECTION_TIMEOUT ERR_TLS_HANDSHAKE_TIMEOUT
    ERR_HTTP2_STREAM_ERROR ERR_HTTP2_SESSION_ERROR ERR_HTTP2_GOAWAY_SESSION ERR_HTTP2_STREAM_CANCEL
    ERR_HTTP2_INVALID_SESSION ERR_NETWORK`,
  inference_timeout:
    'UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT ESOCKETTIMEDOUT ERR_HTTP_REQUEST_TIMEOUT ECONNTIMEOUT',
  cancelled: 'ABORT_ERR UND_ERR_ABORTED ERR_CANCELED ECANCELED UND_ERR_CLOSED UND_ERR_DESTROYED',
  invalid_response: `Z_DATA_ERROR Z_BUF_ERROR Z_STREAM_ERROR ERR_CONTENT_DECODING_FAILED
    UND_ERR_RES_CONTENT_LENGTH_MISMATCH UND_ERR_RESPONSE ERR_BAD_RESPONSE ERR_ENCODING_INVALID_ENCODED_DATA`,
  invalid_input: `ERR_INVALID_URL ERR_INVALID_CHAR ERR_INVALID_ARG_TYPE ERR_INVALID_ARG_VALUE ERR_INVALID_PROTOCOL
    ERR_UNESCAPED_CHARACTERS ERR_HTTP_INVALID_HEADER_VALUE ERR_INVALID_HTTP_TOKEN ERR_HTTP_HEADERS_SENT
    ERR_UNSUPPORTED_ESM_URL_SCHEME UND_ERR_INVALID_ARG UND_ERR_NOT_SUPPORTED UND_ERR_REQ_CONTENT_LENGTH_MISMATCH
    ERR_BAD_REQUEST ERR_BAD_OPTION ERR_SOCKET_BAD_PORT`,
};

/** Families of codes. */
const codeFamilies: readonly (readonly [RegExp, Verdict])[] = [
  [
    /^(?:CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_CERT|HOSTNAME_MISMATCH|CRL_|INVALID_CA)/,
    verdict('upstream_unavailable', false),
  ],
  [/^(?:ERR_SSL_|ERR_TLS_|ERR_QUIC_|ERR_HTTP2_)/, verdict('upstream_unavailable')],
  [
    /^(?:UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_EXCEEDED_MAX_SIZE|HPE_HEADER_OVERFLOW|ERR_FR_MAX_)/,
    verdict('invalid_response', false),
  ],
  [/^(?:HPE_|Z_|ERR__ERROR_|ERR_BROTLI|ERR_ZSTD)/, verdict('invalid_response')],
];

const names: Partial<Record<ErrorType, string>> = {
  cancelled: 'AbortError APIUserAbortError CanceledError CancelledError RequestAbortedError ResponseAborted UserAbort',
  inference_timeout: `TimeoutError HeadersTimeoutError BodyTimeoutError APIConnectionTimeoutError APITimeoutError ReadTimeout
    ReadTimeoutError RequestTimeoutError GatewayTimeoutError`,
  upstream_unavailable: `APIConnectionError ConnectTimeoutError ConnectTimeout ConnectError ConnectionError SocketError
    RemoteProtocolError ReadError WriteError NetworkError PoolTimeout ServerDisconnectedError ClientConnectorError
    ConnectionResetError ConnectionRefusedError IncompleteRead`,
  invalid_response: `SyntaxError JSONDecodeError JSONParseError AI_JSONParseError AI_TypeValidationError
    AI_EmptyResponseBodyError AI_NoContentGeneratedError AI_NoOutputGeneratedError AI_InvalidResponseDataError
    HTTPParserError ZodError DecodingError`,
  invalid_input: 'AI_InvalidPromptError AI_InvalidArgumentError AI_UnsupportedFunctionalityError InvalidURL',
  authentication_failed: 'AI_LoadAPIKeyError CredentialsProviderError',
  model_not_found: 'AI_NoSuchModelError',
};

/** Sentences, lower case. The first that matches wins. */
const sentences: readonly (Verdict & { readonly says: RegExp })[] = [
  {
    type: 'invalid_input',
    says: family(String.raw`
      invalid header (?:value|name)
      failed to parse url
      invalid url
      unknown scheme
      unsupported protocol
      protocol .{1,40}not supported
      bad port
      only absolute urls
      cannot have body
      headers\.append
      not a valid url
    `),
  },
  {
    type: 'upstream_unavailable',
    retryable: false,
    says: family(String.raw`
      certificate
      self[- ]signed
      altname
      unable to verify
    `),
  },
  {
    type: 'invalid_response',
    retryable: false,
    says: family(String.raw`
      redirect (?:count|limit)
      too many redirects
      maximum redirect
      headers overflow
    `),
  },
  {
    type: 'invalid_response',
    says: family(String.raw`
      without (?:sending|receiving) any (?:chunk|data|content|event)
      empty (?:response|stream|reply)
      no (?:content|output|body) (?:generated|in response)
      (?:unexpected|incomplete|malformed|invalid|truncated) (?:token|json|end of json|response|chunk|event|sse)
      not valid json
      is not json
      json (?:parse|decode|segment)
      could not parse
      failed to parse
      without a finish reason
      incorrect header check
      unexpected content[- ]?type
    `),
  },
  {
    type: 'upstream_unavailable',
    says: family(String.raw`
      connect(?:ion)? tim(?:ed?|ing) ?-?out
      connect timeout
    `),
  },
  {
    type: 'rate_limited',
    says: family(String.raw`
      rate limit
      too many requests
      quota
      overload
    `),
  },
  {
    type: 'inference_timeout',
    says: family(String.raw`
      tim(?:ed?|ing) ?-?out
      timeout
      deadline exceeded
    `),
  },
  {
    type: 'upstream_unavailable',
    says: family(String.raw`
      other side closed
      socket hang up
      hung up
      connection (?:error|reset|refused|closed|lost|terminated|failed|aborted|was closed)
      terminated
      premature(?:ly)? close
      network (?:error|request failed|connection)
      networkerror
      fetch failed
      failed to fetch
      load failed
      disconnected
      peer closed
      incomplete (?:chunked )?read
      getaddrinfo
      cannot connect
      could not connect
      econn
      stream (?:ended|closed|was reset)
      broken pipe
      goaway
      client network socket
      proxy
    `),
  },
  {
    type: 'cancelled',
    says: family(String.raw`
      aborted by (?:the )?(?:user|client|caller)
      user (?:aborted|cancel+ed|pressed)
      (?:request|operation|call) was (?:aborted|cancel+ed)
      operation was aborted
      cancel+ed by
    `),
  },
];

const byCode = table(codes, (code) => code);
const byName = table(names, normalise);
const errno = /\b(?:E[A-Z]{4,14}(?:_[A-Z]+)?|UND_ERR_[A-Z_]+|CERT_[A-Z_]+)\b/;

/** What a chain of errors says, the innermost first. */
export function networkVerdict(chain: readonly Thrown[]): Verdict | undefined {
  return firstOf(chain, byOwnCode) ?? firstOf(chain, byOwnName) ?? firstOf(chain, bySentence);
}

function firstOf(chain: readonly Thrown[], read: (thrown: Thrown) => Verdict | undefined): Verdict | undefined {
  for (const thrown of chain) {
    const found = read(thrown);
    if (found !== undefined) return found;
  }
  return undefined;
}

function byOwnCode({ code, message }: Thrown): Verdict | undefined {
  const spoken = code ?? errno.exec(message)?.[0];
  if (spoken === undefined) return undefined;
  return byCode.get(spoken) ?? codeFamilies.find(([family]) => family.test(spoken))?.[1];
}

function byOwnName({ name }: Thrown): Verdict | undefined {
  return byName.get(normalise(name));
}

function bySentence({ message }: Thrown): Verdict | undefined {
  const text = message.toLowerCase();
  return sentences.find(({ says }) => says.test(text));
}

function table(types: Partial<Record<ErrorType, string>>, key: (word: string) => string): ReadonlyMap<string, Verdict> {
  const result = new Map<string, Verdict>();
  for (const [type, list] of Object.entries(types) as [ErrorType, string][]) {
    const shared = verdict(type);
    for (const word of list.trim().split(/\s+/)) result.set(key(word), shared);
  }
  return result;
}
