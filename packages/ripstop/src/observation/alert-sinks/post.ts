/** One message over HTTP, once. */
import { classify } from '../../models/classify/classify.js';
import type { DeliveryContext } from '../alerts-notice.js';

export interface AlertPost {
  readonly url: string;
  readonly body: string;
  /** By lower-case name, beside the type of the content. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Resolves with the status of an answer that accepts. The address may be a secret, as Slack's is, so no error names it,
 * and no redirect is followed.
 *
 * @throws ModelError that says whether another try may help, and how long to wait.
 */
export async function postAlert({ url, body, headers }: AlertPost, { signal }: DeliveryContext): Promise<string> {
  const request = { method: 'POST', redirect: 'manual', signal, body } as const;
  const answer = await fetch(url, { ...request, headers: { 'content-type': 'application/json', ...headers } }).catch(
    (error: unknown) => {
      throw signal.aborted ? signal.reason : classify({ error });
    },
  );
  // Nothing in it is read, and a body of any size must not be waited for.
  await answer.body?.cancel();
  if (answer.ok) return `HTTP ${answer.status}`;
  const wait = answer.headers.get('retry-after');
  throw classify({ status: answer.status, headers: wait === null ? {} : { 'retry-after': wait } });
}

/** @throws RangeError that does not repeat the address, which may be a secret. */
export function assertAddress(option: string, url: string): void {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new RangeError(`${option} must be an address that begins with http:// or https://`);
  }
}

/** @throws RangeError */
export function assertText(option: string, text: string): void {
  if (text === '') throw new RangeError(`${option} must not be empty`);
}
