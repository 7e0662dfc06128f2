/** What a caller or an upstream says must not come out anywhere: planted everywhere, looked for everywhere. */
import { inspect } from 'node:util';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { systemRuntime } from '../packages/ripstop/src/call/runtime.js';
import type { ReportedEvent } from '../packages/ripstop/src/call/events.js';
import { GenerationFailedError, UpstreamUnavailableError } from '../packages/ripstop/src/errors/upstream-errors.js';
import { openaiModel } from '../packages/ripstop/src/models/openai-client.js';
import { createChute } from '../packages/ripstop/src/serving/chute.js';
import { createErrorHandler } from '../packages/ripstop/src/serving/error-handler.js';
import type { ExchangeHandler } from '../packages/ripstop/src/serving/exchange.js';
import { respond } from '../packages/ripstop/src/serving/exchange.js';
import type { Logger } from '../packages/ripstop/src/serving/logger.js';
import { scriptedUpstream } from '../packages/ripstop/src/testing/scripted-upstream.js';
import { bareNode, type Framework, frameworks, type RunningApp } from './frameworks.js';

const key = 'sk-xanthippe0123456789abcdefghijkl';
const platformKey = 'cpk_xanthippe0123456789abcdef012345';
const prompt = 'xanthippe sings of a very private matter';
const host = 'xanthippe-host.internal.example';
const all = `${prompt} ${key} ${platformKey} http://user:pw@${host}:8443/v1`;
const canary = /xanthippe/i;

const errors: Readonly<Record<string, () => unknown>> = {
  plain: () => new TypeError(all),
  text: () => all,
  object: () => ({ message: all, status: 418, request: { headers: { authorization: key }, body: prompt } }),
  sdk: () => Object.assign(new Error(all), { status: 429, headers: { authorization: key }, error: { message: all } }),
  framework: () => Object.assign(new Error(all), { status: 400, expose: true, body: prompt, headers: { [host]: key } }),
  network: () =>
    new TypeError('fetch failed', {
      cause: Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND', hostname: host }),
    }),
  typed: () => new GenerationFailedError(undefined, { cause: new Error(all), diagnostics: { prompt, key } }),
  nested: () => new AggregateError([new UpstreamUnavailableError(undefined, { cause: new Error(all) }), all], all),
  named: () => Object.assign(new Error(all, { cause: { [prompt]: key } }), { name: host, code: key, stack: all }),
};

const routes: Readonly<Record<string, () => unknown>> = Object.fromEntries(
  Object.entries(errors).map(([name, make]) => [
    `/${name}`,
    () => {
      throw make();
    },
  ]),
);

/** Everything that a chute may be asked, and does wrong. */
function singing(logger: Logger, upstreamUrl: string, errorHandler: ReturnType<typeof createErrorHandler>) {
  const input = z.object({ prompt: z.string().max(10), model: z.enum(['small', 'large']) });
  const model = openaiModel({ url: upstreamUrl, model: 'small', key });
  const chute = createChute({ name: 'singer', logger, errorHandler })
    .cord('strict', { input }, () => ({}))
    .cord('any/:thing', {}, () => {
      throw new Error(all);
    })
    .cord('output', { output: z.object({ ok: z.literal(true) }) }, () => ({ ok: prompt }) as never)
    .cord('upstream', {}, () => model.generate(all))
    .cord('unreachable', {}, () => openaiModel({ url: `http://127.0.0.1:9/${host}`, model: key, key }).generate(all))
    .cord('stream', { method: 'GET', stream: 'sse' }, async function* () {
      yield { delta: 'one' };
      throw new Error(all);
    })
    .cord('raw', { method: 'GET' }, () =>
      respond(
        200,
        {},
        (async function* () {
          yield 'one';
          // Else the break comes before the head is on the wire.
          await new Promise((resolve) => setTimeout(resolve, 50));
          throw new Error(all);
        })(),
      ),
    );
  for (const [name, make] of Object.entries(errors)) {
    chute.cord(`fails/${name}`, {}, () => {
      throw make();
    });
    chute.cord(`openai/${name}`, { dialect: 'openai' }, () => {
      throw make();
    });
  }
  return chute;
}

interface Asked {
  readonly path: string;
  readonly init?: RequestInit;
}

const planted = {
  authorization: `Bearer ${key}`,
  'x-api-key': platformKey,
  cookie: `session=${key}`,
  'user-agent': prompt,
  'accept-language': host,
  referer: `http://${host}/${key}`,
  'x-forwarded-for': host,
  'x-canary': all,
  'x-request-timeout-ms': '30000',
};
const good = { ...planted, 'content-type': 'application/json', 'x-correlation-id': 'well-formed.id' };
const bad = { ...planted, 'content-type': 'application/json', 'x-correlation-id': `${prompt} ${key}` };
const post = (body: unknown, headers: Record<string, string> = good): RequestInit => {
  return { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
};

function questions(base: string): Asked[] {
  const names = Object.keys(errors);
  const said = { prompt: all, model: key, [prompt]: host, api_key: key, messages: [{ role: 'user', content: all }] };
  return [
    ...names.flatMap((name) => [
      { path: `${base}/fails/${name}`, init: post(said) },
      { path: `${base}/openai/${name}`, init: post(said) },
    ]),
    { path: `${base}/strict`, init: post(said) },
    {
      path: `${base}/strict`,
      init: post({ prompt: 7, model: prompt }, { ...good, accept: 'application/problem+json' }),
    },
    { path: `${base}/strict`, init: post(said, bad) },
    { path: `${base}/strict`, init: post(`{"prompt": "${all}", oops`) },
    { path: `${base}/strict`, init: post(all, { ...good, 'content-type': `text/${host}` }) },
    { path: `${base}/strict`, init: post(said, { ...good, 'x-request-timeout-ms': prompt }) },
    { path: `${base}/any/${encodeURIComponent(all)}?q=${encodeURIComponent(all)}`, init: post(said) },
    { path: `${base}/output`, init: post(said) },
    { path: `${base}/upstream`, init: post(said) },
    { path: `${base}/unreachable`, init: post(said) },
    { path: `${base}/stream?q=${key}`, init: { headers: good } },
    { path: `${base}/raw`, init: { headers: good } },
    { path: `${base}/nowhere/${encodeURIComponent(all)}`, init: { headers: good } },
    { path: `${base}/strict?${key}=${host}`, init: { method: 'PUT', headers: good, body: all } },
  ];
}

async function answerOf(url: string, { path, init }: Asked): Promise<string> {
  const response = await fetch(url + path, init).catch((error: unknown) => {
    throw new Error(`no answer from ${path}`, { cause: error });
  });
  const head = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  let text = '';
  try {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk as Uint8Array).toString();
  } catch {
    text += ' (broken off)';
  }
  return `${response.status} ${response.statusText}\n${head}\n\n${text}`;
}

interface Ears {
  readonly logger: Logger;
  readonly heard: { readonly where: string; readonly what: unknown }[];
}

function ears(): Ears {
  const heard: { where: string; what: unknown }[] = [];
  const at =
    (level: string) =>
    (...what: unknown[]): void =>
      void heard.push({ where: `log ${level}`, what });
  return { heard, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

const deep = (value: unknown): string => inspect(value, { depth: 12, maxStringLength: null, maxArrayLength: null });

const starts: Readonly<Record<string, (plan: { chute: ExchangeHandler; options: object }) => Promise<RunningApp>>> = {
  node: ({ chute, options }) => bareNode(chute, options),
  ...Object.fromEntries(
    (Object.keys(frameworks) as Framework[]).map((name) => [
      name,
      ({ chute, options }: { chute: ExchangeHandler; options: object }) =>
        frameworks[name]({ chute, options, routes, errors: 'ours' }),
    ]),
  ),
};

test.each(Object.keys(starts))(
  'I12 D13 D60 D69: what was planted in requests, upstream errors and causes comes out nowhere: %s',
  async (name) => {
    await using upstream = await scriptedUpstream([
      {
        kind: 'json',
        status: 400,
        headers: { 'x-request-id': key },
        body: {
          error: {
            message: `Your request "${all}" was refused by ${host}`,
            type: 'invalid_request_error',
            param: prompt,
            code: key,
          },
        },
      },
    ]);
    const { logger, heard } = ears();
    const console = (['log', 'info', 'warn', 'error', 'debug'] as const).map((level) =>
      vi.spyOn(globalThis.console, level).mockImplementation((...what) => void heard.push({ where: 'console', what })),
    );
    const silence = systemRuntime.events.on((event: ReportedEvent) => void heard.push({ where: 'event', what: event }));
    const errorHandler = createErrorHandler({ logger });
    const chute = singing(logger, upstream.url, errorHandler);
    const app = await starts[name]?.({ chute: chute.handle, options: { errorHandler } });
    if (app === undefined) throw new Error(`nobody starts ${name}`);
    try {
      const own =
        name === 'node'
          ? []
          : Object.keys(errors).map((error) => ({ path: `/${error}?q=${key}`, init: post({ prompt: all }) }));
      for (const asked of [...questions('/ai'), ...own]) {
        const answer = await answerOf(app.url, asked);
        expect(answer, asked.path).not.toMatch(canary);
        const sent = new Headers(asked.init?.headers).get('x-correlation-id');
        if (sent === 'well-formed.id') expect(answer, asked.path).toContain('x-correlation-id: well-formed.id');
      }
    } finally {
      await app.close();
      silence();
      for (const spy of console) spy.mockRestore();
    }
    expect(heard.filter(({ where }) => where.startsWith('log')).length).toBeGreaterThan(20);
    expect(heard.filter(({ where }) => where === 'event').length).toBeGreaterThan(20);
    expect(errorHandler.history().length).toBeGreaterThan(20);
    expect(
      heard.filter(({ what }) => canary.test(deep(what))).map(({ where, what }) => `${where}: ${deep(what)}`),
    ).toEqual([]);
    expect(deep(errorHandler.history())).not.toMatch(canary);
    expect(deep(errorHandler.statistics())).not.toMatch(canary);
  },
);
