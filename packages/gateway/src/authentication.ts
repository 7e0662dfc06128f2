import { createHash, timingSafeEqual } from 'node:crypto';
import { AuthenticationError, type ModelError, PermissionDeniedError } from 'ripstop';
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
    const needsOperator = operators.length > 0 && inside.some((root) => path === root || path.startsWith(`${root}/`));
    const needsCaller = keys.length > 0 && !open.has(path);
    if (!needsOperator && !needsCaller) return undefined;
    const key = presentedKey(headers);
    if (key === undefined) return new AuthenticationError('Send a key: Authorization: Bearer <key>, or x-api-key: <key>');
    if (!includes(callers, key)) return new AuthenticationError('The key is not valid');
    if (needsOperator && !includes(operators, key)) return new PermissionDeniedError('This page needs an admin key');
    return undefined;
  };
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
