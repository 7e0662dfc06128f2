/** What an HTTP status alone says: the last resort. */
import { type Verdict, verdict } from './verdict.js';

/**
 * Not only RFC 9110: 407 a proxy's credential, 424 inference servers, 246 and 446 Portkey's guardrails, 434 Z.ai, 444 and
 * 499 nginx, 460 AWS load balancers, 498 Groq's flex tier, 520–530 Cloudflare, 529 Anthropic, 598 and 599 proxies.
 */
const byStatus: ReadonlyMap<number, Verdict> = new Map([
  [246, verdict('content_filtered')],
  [401, verdict('authentication_failed')],
  [402, verdict('quota_exceeded')],
  [403, verdict('permission_denied')],
  [407, verdict('authentication_failed')],
  [408, verdict('inference_timeout')],
  [409, verdict('upstream_unavailable')],
  [410, verdict('model_not_found')],
  [423, verdict('upstream_unavailable')],
  [424, verdict('generation_failed')],
  [425, verdict('upstream_unavailable')],
  [429, verdict('rate_limited')],
  [434, verdict('permission_denied')],
  [444, verdict('upstream_unavailable')],
  [446, verdict('content_filtered')],
  [451, verdict('permission_denied')],
  [460, verdict('cancelled')],
  [498, verdict('model_overloaded')],
  [499, verdict('cancelled')],
  [501, verdict('invalid_input')],
  [504, verdict('inference_timeout')],
  [505, verdict('invalid_input')],
  [507, verdict('out_of_memory')],
  [524, verdict('inference_timeout')],
  [529, verdict('model_overloaded')],
  [598, verdict('inference_timeout')],
  [599, verdict('inference_timeout')],
]);

/** Nobody sends these for anything else: guardrails (Portkey), no memory, overload (Anthropic). */
const telling: ReadonlySet<number> = new Set([246, 446, 507, 529]);

/** The cause that a status names beyond doubt. */
export function tellingVerdict(status: number): Verdict | undefined {
  return telling.has(status) ? byStatus.get(status) : undefined;
}

const requestFault = verdict('invalid_input');
const serverFault = verdict('upstream_unavailable');

/** Unknown 4xx is a fault of the request, unknown 5xx one of the service, and a success says nothing. */
export function statusVerdict(status: number): Verdict | undefined {
  const known = byStatus.get(status);
  if (known !== undefined || status < 400) return known;
  return status < 500 ? requestFault : serverFault;
}

/** The first of two statuses, unless only the second tells more than on which side the fault lies. */
export function moreTelling(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || (isPlain(one) && other !== undefined && !isPlain(other)) ? other : one;
}

/** 400 and 500 say only on which side the fault lies. */
function isPlain(status: number): boolean {
  return status === 400 || status === 500;
}

/**
 * The status that counts, of the answer's own and the one that its body speaks of. The body is nearer to the cause, and
 * the outer status is often a wrapper's; but a plain 400 or 500 within does not outweigh a telling status outside.
 */
export function effectiveStatus(outer: number | undefined, inner: number | undefined): number | undefined {
  if (outer === undefined || outer < 400) return inner ?? outer;
  if (inner === undefined) return outer;
  const outerIsVague = isPlain(outer) || outer === 502 || outer === 503;
  if (!isPlain(inner)) return outerIsVague || outer < 500 === inner < 500 ? inner : outer;
  return inner === 400 && outerIsVague ? inner : outer;
}
