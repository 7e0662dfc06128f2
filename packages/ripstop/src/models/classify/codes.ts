/**
 * The codes of all providers, by what they mean. A code is written as its provider writes it; case, punctuation and the
 * endings "Error" and "Exception" make no difference, so `rate_limit_error`, `RateLimitError` and `RateLimit` are one.
 *
 * Sources: the providers' published error pages and, for open servers, their sources: OpenAI, Azure, Anthropic, Google
 * (google.rpc.Code, ErrorInfo), AWS Bedrock, Mistral, Cohere, Groq, DeepSeek, xAI, OpenRouter, Hugging Face (TGI),
 * Replicate, fal, Stability, Alibaba Model Studio, Volcengine Ark, Z.ai, MiniMax, Moonshot, vLLM, SGLang, llama.cpp,
 * Ollama, LocalAI, LiteLLM, Portkey, ZenMux.
 */
import type { ErrorType } from '../../errors/error-types.js';
import { type Verdict, verdict } from './verdict.js';

/** Codes that name the cause. Nothing that a sentence or a status says outranks them. */
const specific: Partial<Record<ErrorType, string>> = {
  quota_exceeded: `insufficient_quota insufficient_user_quota insufficient_credits insufficient_credit
    insufficient_balance insufficient_funds insufficient_account_balance billing_not_active billing_error
    billing_hard_limit_reached billing_limit_user_error billing_disabled enforced_spend_limit_reached
    spend_limit_reached spending_limit_reached credits_error credits_exhausted out_of_credits no_credits
    payment_required budget_exceeded exceeded_budget exceeded_token_budget usage_limit_reached usage_limit_exceeded
    usage_not_included monthly_usage_limit free_usage_limit exceeded_current_quota_error quota_exhausted
    quote_exceeded reject_no_credit Arrearage AccountOverdue PrepaidBillOverdue PostpaidBillOverdue
    AllocationQuota.FreeTierOnly InvalidSubscription OperationDenied.ServiceOverdue pre_consume_token_quota_failed
    INSUFFICIENT_G1_CREDITS_BALANCE deactivated_workspace insufficient_permissions_for_plan`,
  authentication_failed: `invalid_api_key incorrect_api_key missing_api_key no_api_key api_key_invalid api_key_expired
    api_key_not_found InvalidApiKey unauthenticated invalid_authentication
    invalid_auth invalid_auth_key invalid_token invalid_access_token expired_token token_expired expired_key
    token_not_found_in_db UnrecognizedClient InvalidSignature InvalidClientTokenId IncompleteSignature
    SignatureDoesNotMatch MissingAuthenticationToken ACCESS_TOKEN_EXPIRED ACCESS_TOKEN_TYPE_UNSUPPORTED
    CREDENTIALS_MISSING account_deactivated invalid_organization invalid_issuer invalid_bearer_token`,
  permission_denied: `permission_denied access_denied AccessDenied key_model_access_denied
    team_model_access_denied user_model_access_denied org_model_access_denied project_model_access_denied
    model_terms_required unsupported_country_region_territory missing_scope insufficient_permissions
    insufficient_scope IAM_PERMISSION_DENIED SERVICE_DISABLED API_KEY_SERVICE_BLOCKED API_KEY_IP_ADDRESS_BLOCKED
    API_KEY_HTTP_REFERRER_BLOCKED USER_PROJECT_DENIED CONSUMER_INVALID CONSUMER_SUSPENDED VALIDATION_REQUIRED
    TOS_VIOLATION Model.AccessDenied Workspace.AccessDenied App.AccessDenied AccessDenied.Unpurchased
    OperationDenied.ServiceNotOpen ModelNotOpen organization_restricted organization_must_be_verified
    ip_not_authorized project_not_found_or_no_access model_permission_denied`,
  content_filtered: `content_filter content_filtered content_policy_violation content_policy content_moderation
    content_blocked moderation moderation_blocked moderation_failed image_content_policy_violation bio_policy
    cyber_policy safety_check_failed safety_violation policy_violation responsible_ai_policy_violation
    ResponsibleAIPolicyViolation DataInspectionFailed DataInspection SensitiveContentDetected
    InputTextSensitiveContentDetected OutputTextSensitiveContentDetected InputImageSensitiveContentDetected
    OutputImageSensitiveContentDetected InputVideoSensitiveContentDetected OutputVideoSensitiveContentDetected
    prompt_blocked prohibited_content unsafe_content nsfw nsfw_content_detected hooks_failed guardrail_intervened
    GuardrailRaised`,
  context_length_exceeded: `context_length_exceeded context_window_exceeded ContextWindowExceeded
    exceed_context_size model_context_window_exceeded context_length prompt_too_long input_too_long tokens_limit_reached
    model_max_prompt_tokens_exceeded max_prompt_tokens_exceeded context_overflow`,
  model_not_found: `model_not_found model_not_exist model_not_exists unknown_model invalid_model no_such_model
    model_not_available model_deactivated model_is_deactivated model_decommissioned model_deprecated
    deployment_not_found DeploymentNotFound InvalidEndpointOrModel InvalidEndpoint UnknownModel unknown_deployment
    model_id_not_found ModelNotSupported`,
  model_overloaded: `overloaded model_overloaded engine_overloaded server_overloaded server_is_overloaded
    service_overloaded ServerOverloaded capacity_exceeded over_capacity no_capacity MODEL_CAPACITY_EXHAUSTED system_busy
    service_busy server_busy infra_overload no_targets runner_scheduling_failure`,
  model_loading_failed: `model_loading ModelNotReady model_not_ready model_not_loaded no_models_loaded cold_start
    startup_timeout`,
  inference_timeout: `timeout timeout_error request_timeout RequestTimeOut gateway_timeout deadline_exceeded ModelTimeout
    generation_timeout inference_timeout vector_store_timeout read_timeout api_timeout upstream_timeout
    InternalError.Timeout response_timeout`,
  out_of_memory: `out_of_memory OutOfMemory torch.OutOfMemoryError torch.cuda.OutOfMemoryError cuda_out_of_memory
    insufficient_memory`,
  generation_failed: `tool_use_failed json_validate_failed generation_failed incomplete_generation
    generation_failed_no_content execution_error prediction_error output_parse_failed inference_error
    image_generation_failed runner_server_error NansException no_media_generated malformed_response`,
  upstream_unavailable: `provider_unavailable no_provider_available runner_disconnected runner_connection_refused
    runner_connection_error runner_connection_timeout downstream_service_unavailable database_error no_db_connection`,
  invalid_input: `unsupported_parameter unknown_parameter missing_required_parameter string_above_max_length
    array_above_max_length unsupported_value invalid_image invalid_image_format invalid_base64_image invalid_image_url
    image_too_large image_too_small image_file_too_large empty_image_file image_parse_error unsupported_image_media_type
    invalid_image_mode failed_to_download_image image_file_not_found image_load_error invalid_prompt request_too_large
    unknown_url method_not_supported not_supported unsupported_media_type bad_request_body data_residency_mismatch`,
  rate_limited: `Throttling Throttled TooManyRequestsException Throttling.AllocationQuota Throttling.RateQuota
    Throttling.BurstRate`,
  cancelled: `client_closed_request execution_interrupted request_cancelled request_canceled client_disconnected`,
};

/** Codes that hint at the cause, where neither a sentence nor a status says more. */
const vague: Partial<Record<ErrorType, string>> = {
  model_not_found: 'not_found ResourceNotFound resource_not_found value_not_in_list',
  generation_failed: 'generation ModelError ModelStreamError',
  upstream_unavailable: 'APIConnection connection provider upstream',
  rate_limited: 'tokens requests',
};

/** Codes that say no more than a status does. */
const statusNames: Readonly<Record<number, string>> = {
  400: `invalid_request bad_request invalid_argument invalid_parameter invalid_params validation failed_precondition
    out_of_range invalid_request_body missing_parameter unprocessable`,
  401: 'unauthorized authentication authentication_failed auth',
  403: 'forbidden permission authorization',
  404: 'not_found resource_not_found ResourceNotFound',
  408: 'Timeout',
  409: 'aborted conflict',
  422: 'unprocessable_entity',
  429: `rate_limit rate_limited rate_limit_exceeded rate_limit_reached rate_limit_exception too_many_requests
    RequestLimitExceeded resource_exhausted slow_down dynamic_request_limited
    dynamic_token_limited model_rate_limit request_tier_capacity_exceeded RequestBurstTooFast ServiceQuotaExceeded
    LimitRequests`,
  499: 'cancelled canceled',
  500: `server internal internal_server api unknown internal_failure provider_api ServerInternal InternalService
    processing unexpected`,
  501: 'not_implemented unimplemented',
  502: 'bad_gateway upstream upstream_error provider_internal_server',
  503: 'unavailable service_unavailable server_unavailable temporarily_unavailable',
};

/**
 * Numbers that only their provider understands, by the field they stand in: `error` (also `code` at the top) or
 * MiniMax's `base_resp`.
 */
const numbers: Readonly<Record<string, Partial<Record<ErrorType, string>>>> = {
  // Z.ai and Zhipu (docs.z.ai, "Errors"), Mistral (3505).
  error: {
    authentication_failed: '1000 1001 1002 1003 1004 1110 1111 1112 1121',
    quota_exceeded: '1113 1308 1309 1310',
    model_not_found: '1211',
    invalid_input: '1210 1212 1213 1214 1215',
    permission_denied: '1220 1311',
    upstream_unavailable: '1120 1200 1230 1234',
    context_length_exceeded: '1261',
    content_filtered: '1301',
    rate_limited: '1302 1303 1305 3505',
    model_overloaded: '1312',
  },
  // platform.minimax.io, "Error Codes".
  base_resp: {
    upstream_unavailable: '1000 1013 1024 1033',
    inference_timeout: '1001',
    rate_limited: '1002 1041 2045',
    authentication_failed: '1004 2049',
    quota_exceeded: '1008 1028 1030 2056',
    content_filtered: '1026 1027',
    context_length_exceeded: '1039',
    invalid_input: '1042 2013 20132 2048',
    permission_denied: '2042 2061',
  },
};

/** google.rpc.Code, as the `code` of a long-running operation, and the HTTP statuses that Google maps them to. */
const rpcStatuses: readonly number[] = words('200 499 500 400 504 404 409 403 429 400 409 400 501 500 503 500 401').map(
  Number,
);

/** A code without case, punctuation and the endings that mean nothing. */
export function normalise(code: string): string {
  const plain = code.toLowerCase().replace(/[^a-z0-9]+/g, '');
  return plain.replace(/(?:error|exception)+$/, '') || plain;
}

/** All that is known of one code. */
export interface CodeFacts {
  /** The cause that it names. Nothing that a sentence or a status says outranks it. */
  readonly cause: Verdict | undefined;
  /** The cause that it hints at. */
  readonly hint: Verdict | undefined;
  /** The HTTP status that it amounts to. */
  readonly status: number | undefined;
}

const noFacts: CodeFacts = { cause: undefined, hint: undefined, status: undefined };
const factsByCode: ReadonlyMap<string, CodeFacts> = allFacts();
const providerNumbers: ReadonlyMap<string, ReadonlyMap<string, Verdict>> = new Map(
  Object.entries(numbers).map(([field, table]) => [field, byCode(table)]),
);

/**
 * What a code says, if a table lists it. Codes may be qualified: `Throttling.RateQuota`, `com.amazon#ThrottlingException`,
 * `torch.cuda.OutOfMemoryError`.
 */
export function codeFacts(code: string): CodeFacts | undefined {
  const whole = factsByCode.get(code) ?? factsByCode.get(normalise(code));
  if (whole !== undefined || !/[.#:]/.test(code)) return whole;
  const parts = code.split(/[.#:]/, 8);
  return factsByCode.get(normalise(parts[0] ?? '')) ?? factsByCode.get(normalise(parts.at(-1) ?? ''));
}

/** The HTTP status that a number of google.rpc.Code amounts to. */
export function statusOfRpc(code: number): number | undefined {
  return code === 0 ? undefined : rpcStatuses[code];
}

/** The cause that a provider's own number names. */
export function numberVerdict(field: 'error' | 'base_resp', code: string): Verdict | undefined {
  return providerNumbers.get(field)?.get(code);
}

function allFacts(): ReadonlyMap<string, CodeFacts> {
  const result = new Map<string, CodeFacts>();
  const add = (codes: string, facts: Partial<CodeFacts>): void => {
    for (const code of words(codes)) {
      // The usual spellings too, so that most codes are found without being normalised.
      for (const key of [normalise(code), code, `${code}_error`])
        result.set(key, { ...noFacts, ...result.get(key), ...facts });
    }
  };
  for (const [type, codes] of typesOf(specific)) add(codes, { cause: verdict(type) });
  for (const [type, codes] of typesOf(vague)) add(codes, { hint: verdict(type) });
  for (const [status, codes] of Object.entries(statusNames)) add(codes, { status: Number(status) });
  return result;
}

function byCode(table: Partial<Record<ErrorType, string>>): ReadonlyMap<string, Verdict> {
  return new Map(typesOf(table).flatMap(([type, codes]) => words(codes).map((code) => [code, verdict(type)])));
}

function typesOf(table: Partial<Record<ErrorType, string>>): readonly (readonly [ErrorType, string])[] {
  return Object.entries(table) as [ErrorType, string][];
}

function words(list: string): readonly string[] {
  return list.trim().split(/\s+/);
}
