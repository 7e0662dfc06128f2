/** Who may come in, and whom the gateway itself knocks at. */
import { isLoopback } from '../config/load.js';
import type { Config, HttpUpstreamConfig } from '../config/schema.js';
import { about, advised, critical, met, type Verdict } from './finding.js';

/** A key of fewer characters can be guessed. */
const shortestKey = 16;

export function keys({ server }: Config): readonly Verdict[] {
  const { host, keys: callers, adminKeys } = server;
  const place = 'server.keys';
  if (callers.length === 0) return [about(place, met(`None, and only this machine can reach ${host}`))];
  const short = [...callers, ...adminKeys].filter((key) => key.length < shortestKey).length;
  if (short > 0) {
    return [
      about(
        place,
        advised(
          `${short} of them ${short === 1 ? 'has' : 'have'} fewer than ${shortestKey} characters`,
          'Make new ones: openssl rand -hex 24',
        ),
      ),
    ];
  }
  return [about(place, met(`${callers.length} set`))];
}

export function adminKeys({ server }: Config): readonly Verdict[] {
  const { host, keys: callers, adminKeys: operators } = server;
  const place = 'server.adminKeys';
  const shared = operators.filter((key) => callers.includes(key)).length;
  if (shared > 0) {
    return [
      about(
        place,
        critical(`${shared} of them opens the door for every caller too`, 'Give operators a key of their own'),
      ),
    ];
  }
  if (operators.length > 0) return [about(place, met(`${operators.length} set`))];
  if (isLoopback(host)) return [about(place, met('None, and only this machine can read /status and /metrics'))];
  return [about(place, advised('Every caller may read /status, /error_metrics and /metrics', 'Set server.adminKeys'))];
}

/** An upstream that is the gateway itself would ask itself until nothing is left. */
export function loops({ server, upstreams, models }: Config): readonly Verdict[] {
  const own = Object.entries(upstreams).filter(([, upstream]) => 'url' in upstream && isOwn(upstream.url, server));
  const circles = Object.entries(models).filter(([name]) => isCircle(name, models));
  if (own.length + circles.length === 0) return [met('No upstream is this gateway, and no model stands in for itself')];
  return [
    ...own.map(([name]) => {
      return about(`upstreams.${name}`, critical('It is this gateway itself', 'Name the service behind it'));
    }),
    ...circles.map(([name]) => {
      return about(
        `models.${name}.smaller`,
        critical('It leads back to itself', 'Let the smallest model name no other'),
      );
    }),
  ];
}

function isOwn(url: string, { host, port }: Config['server']): boolean {
  const { hostname, port: stated, protocol } = new URL(url);
  const theirs = Number(stated === '' ? (protocol === 'https:' ? 443 : 80) : stated);
  if (theirs !== port) return false;
  const name = hostname.replace(/^\[(.*)\]$/, '$1');
  const everywhere = host === '0.0.0.0' || host === '::';
  return name === host || (isLoopback(name) && (everywhere || isLoopback(host)));
}

function isCircle(start: string, models: Config['models']): boolean {
  const seen = new Set<string>();
  let name: string | undefined = models[start]?.smaller;
  while (name !== undefined && !seen.has(name)) {
    if (name === start) return true;
    seen.add(name);
    name = models[name]?.smaller;
  }
  return false;
}

/** A key that travels unencrypted belongs to everybody on the way. */
export function encryption({ upstreams }: Config): readonly Verdict[] {
  const open = Object.entries(upstreams).filter(([, upstream]) => 'url' in upstream && isOpen(upstream));
  if (open.length === 0) return [met('No key travels through the internet unencrypted')];
  return open.map(([name]) => {
    return about(
      `upstreams.${name}`,
      critical('Its key travels through the internet unencrypted', 'Use its https:// address'),
    );
  });
}

function isOpen({ url, key, headers }: HttpUpstreamConfig): boolean {
  const { protocol, hostname } = new URL(url);
  const secret = key !== undefined || Object.keys(headers).some((name) => /auth|key|token/i.test(name));
  return protocol === 'http:' && secret && !isNearby(hostname);
}

/** Loopback, the private ranges of RFC 1918 and RFC 4193, and names that no public DNS has. */
function isNearby(hostname: string): boolean {
  if (isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'))) return true;
  if (/^(10|192\.168|172\.(1[6-9]|2\d|3[01]))\./.test(hostname) || /^\[f[cd]/.test(hostname)) return true;
  return !hostname.includes('.') || /\.(local|internal|lan|home\.arpa|svc)$/.test(hostname);
}
