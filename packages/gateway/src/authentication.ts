import { createHash, timingSafeEqual } from 'node:crypto';
import { AuthenticationError, type ModelError, PermissionDeniedError } from 'ripstop';
import { isLoopback } from './config/load.js';
import type { ServerConfig } from './config/schema.js';

/** Paths that load balancers and people reach without a key. */
const open: ReadonlySet<string> = new Set(['/', '/livez', '/readyz', '/startupz']);
/** Paths that show the inside: with `adminKeys`, only operators see them. */
const inside: readonly string[] = ['/status', '/error_metrics', '/metrics', '/errors', '/events'];

export interface Credentials {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** Says why a request may not pass, or nothing. An admin key opens everything that a key opens. */
export type Authenticate = (request: Credentials) => ModelError | undefined;

export function authenticator({ keys, adminKeys }: Pick<ServerConfig, 'keys' | 'adminKeys'>): Authenticate {
  const callers = [...keys, ...adminKeys].map(digest);
  const operators = adminKeys.map(digest);

  return ({ path, headers }) => {
    const stranger = keys.length === 0 ? strangerInABrowser(headers) : undefined;
    if (stranger !== undefined) return stranger;
    const needsOperator = operators.length > 0 && inside.some((root) => path === root || path.startsWith(`${root}/`));
    const needsCaller = keys.length > 0 && !open.has(path);
    if (!needsOperator && !needsCaller) return undefined;
    const key = presentedKey(headers);
    if (key === undefined)
      return new AuthenticationError('Send a key: Authorization: Bearer <key>, or x-api-key: <key>');
    if (!includes(callers, key)) return new AuthenticationError('The key is not valid');
    if (needsOperator && !includes(operators, key)) return new PermissionDeniedError('This page needs an admin key');
    return undefined;
  };
}

/** May whoever sends these see the inside? Where no admin keys are set, whoever has come in may. */
export function operatorsOf({
  adminKeys,
}: Pick<ServerConfig, 'adminKeys'>): (headers: Credentials['headers']) => boolean {
  const operators = adminKeys.map(digest);
  return (headers) => operators.length === 0 || includes(operators, presentedKey(headers) ?? '');
}

/**
 * Whose request it is, among those that may pass. Where no keys are set, whatever callers send as one is not checked,
 * and they are all the same.
 */
export function callerOf({ keys }: Pick<ServerConfig, 'keys'>): (headers: Credentials['headers']) => string {
  return keys.length === 0 ? () => '' : (headers) => presentedKey(headers) ?? '';
}

/**
 * Without keys the gateway trusts this machine, and a browser runs what other sites wrote: a page of theirs may send
 * requests here blindly, or make its own name point here. Browsers say which page a request comes from
 * (W3C Fetch Metadata), and every client says which name it asked for.
 */
function strangerInABrowser(headers: Credentials['headers']): ModelError | undefined {
  const site = headers['sec-fetch-site'];
  const foreignPage = site === 'cross-site' || site === 'same-site';
  const name = headers['host']?.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (!foreignPage && (name === undefined || isLoopback(name))) return undefined;
  return new PermissionDeniedError('Without server.keys only programs and pages of this machine may call');
}

function presentedKey(headers: Credentials['headers']): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers['authorization'] ?? '');
  return bearer?.[1] ?? headers['x-api-key'];
}

/** Every known key is compared, over digests of one length, so that the time taken tells nothing about any of them. */
function includes(known: readonly Buffer[], key: string): boolean {
  const presented = digest(key);
  let found = false;
  for (const candidate of known) if (timingSafeEqual(candidate, presented)) found = true;
  return found;
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
