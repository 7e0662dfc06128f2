/** Requests of every kind, as bytes: honest ones, odd ones, broken ones, and ones that are cut. */

export interface RandomRequest {
  readonly method: string;
  readonly bytes: Buffer;
  /** Where the client stops sending: never, or after so many bytes, closing its half or the whole connection. */
  readonly cut: { readonly how: 'never' } | { readonly how: 'half' | 'whole'; readonly at: number };
}

type Random = () => number;

export function randomRequest(random: Random): RandomRequest {
  const dice = new Dice(random);
  const [own, path] = dice.of(routes);
  const method = dice.weighted([
    [75, own],
    [15, dice.of(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])],
    [10, dice.of(['TRACE', 'PROPFIND', 'BREW', 'get', 'G@T', 'M-SEARCH', '', 'POST POST', 'X'.repeat(300)])],
  ]);
  const body = randomBody(dice);
  const chunked = dice.chance(0.2);
  const lines = [
    `${method} ${randomTarget(dice, path)} ${dice.odd(0.03, 'HTTP/1.1', ['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', 'http/1.1', ''])}`,
    ...(dice.chance(0.02) ? [] : ['Host: 127.0.0.1']),
    'Connection: close',
    ...framing(dice, body, chunked),
    ...randomHeaders(dice),
  ];
  const end = dice.odd(0.02, '\r\n', ['\n', '\r']);
  const head = Buffer.from(`${lines.join(end)}${end}${end}`, 'latin1');
  const bytes = Buffer.concat([head, chunked ? inChunks(dice, body) : body]);
  const at = Math.floor(random() * bytes.length);
  const how = dice.weighted([
    [75, 'never'],
    [10, 'half'],
    [15, 'whole'],
  ] as const);
  return { method, bytes, cut: how === 'never' ? { how } : { how, at: dice.chance(0.3) ? bytes.length : at } };
}

class Dice {
  private readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  upTo(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.upTo(choices.length)];
  }

  /** Mostly the usual. */
  odd<T>(share: number, usual: T, others: readonly T[]): T {
    return this.chance(share) ? this.of(others) : usual;
  }

  weighted<T>(choices: readonly (readonly [number, T])[]): T {
    let left = this.random() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, choice] of choices) if ((left -= weight) < 0) return choice;
    return choices[0][1];
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.upTo(256)));
  }

  text(length: number): string {
    return Array.from({ length }, () =>
      this.of(['a', 'Z', '0', ' ', '"', '\\', '%', 'é', '漢', '😀', '\u0000', '\u202e']),
    ).join('');
  }
}

const routes = [
  ...['/echo', '/generate', '/words', '/lines', '/v1/chat'].flatMap((path) => Array(4).fill(['POST', path])),
  ['PUT', '/echo'],
  ['GET', '/search?q=a'],
  ['GET', '/search?q=a&q=b&__proto__=1'],
  ['DELETE', '/things/7'],
  ['DELETE', '/things/a%2Fb'],
  ['GET', '/fail/model_overloaded'],
  ['GET', '/fail/cancelled'],
  ['GET', '/fail/out_of_memory'],
  ['GET', '/fail/rate_limited'],
  ['GET', '/fail/nothing'],
  ['GET', '/odd/bigint'],
  ['GET', '/odd/circle'],
  ['GET', '/odd/null'],
  ['GET', '/odd/nothing'],
  ['GET', '/health'],
  ['GET', '/readyz'],
  ['GET', '/openapi.json'],
  ['POST', '/nowhere'],
  ['GET', '/v1/nowhere'],
] as readonly (readonly [method: string, path: string])[];

function randomTarget(dice: Dice, known: string): string {
  return dice.weighted([
    [80, known],
    [3, `${known}/${dice.text(5).replaceAll(/[\s\u0080-\uffff]/g, '')}`],
    [3, `/things/%${dice.of(['zz', '', 'C3%28', 'ff', '00', '2e%2e'])}`],
    [3, `http://other.example${known}`],
    [2, `/${dice.bytes(8).toString('latin1')}`],
    [2, `/search?${dice.bytes(20).toString('latin1')}`],
    [2, dice.of(['*', '', '//', '/../../etc/passwd', '?', '#', 'echo', '/echo?', '/echo#x'])],
    [1, `/${'a'.repeat(dice.of([1_000, 20_000]))}`],
    [1, `/search?q=${'%41'.repeat(1_000)}`],
  ]);
}

function randomBody(dice: Dice): Buffer {
  const prompt = dice.of([
    'hi',
    'fail',
    'failing',
    'bug',
    'a long prompt of some seventy characters, so that the limit is met',
    dice.text(20),
  ]);
  const honest = JSON.stringify({ prompt, max_tokens: dice.odd(0.2, 5, [0, -1, 1.5, 1e9, '5', null, {}]) });
  const at = dice.upTo(honest.length);
  const broken = honest.slice(0, at) + dice.text(2) + honest.slice(at + dice.upTo(3));
  return dice.weighted([
    [60, Buffer.from(honest)],
    [10, Buffer.from(broken)],
    [
      5,
      Buffer.from(JSON.stringify({ messages: Array.from({ length: dice.upTo(30) }, () => ({ role: dice.text(2) })) })),
    ],
    [5, dice.bytes(dice.upTo(50))],
    [4, Buffer.alloc(0)],
    [3, Buffer.from('['.repeat(dice.of([10, 33, 5_000])))],
    [3, Buffer.from('{"prompt":"x","__proto__":{"a":1},"constructor":{"prototype":1}}')],
    [
      3,
      Buffer.from(
        dice.of(['null', '[]', '"text"', '1e999', '{"a":1}{"b":2}', ' ', '\ufeff{}', '{"\\u005f_proto__":1}']),
      ),
    ],
    [3, Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
    [4, Buffer.from(JSON.stringify({ prompt: 'x'.repeat(dice.of([999, 1_001, 70_000])) }))],
    [2, Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])],
  ]);
}

function framing(dice: Dice, body: Buffer, chunked: boolean): string[] {
  if (chunked) return ['Transfer-Encoding: chunked', ...(dice.chance(0.05) ? [`Content-Length: ${body.length}`] : [])];
  return dice.weighted([
    [90, [`Content-Length: ${body.length}`]],
    [3, [`Content-Length: ${body.length + dice.upTo(20)}`]],
    [2, [`Content-Length: ${Math.max(0, body.length - 3)}`]],
    [
      2,
      [
        dice.of([
          'Content-Length: -1',
          'Content-Length: 1e3',
          'Content-Length: 99999999999999999999',
          'Content-Length:',
        ]),
      ],
    ],
    [1, [`Content-Length: ${body.length}`, 'Content-Length: 7']],
    [1, [dice.of(['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked, gzip', 'Transfer-Encoding: identity'])]],
    [1, []],
  ]);
}

function inChunks(dice: Dice, body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = 1 + dice.upTo(Math.max(1, body.length));
    const part = body.subarray(at, at + size);
    const extension = dice.odd(0.05, '', [';a=b', ';'.repeat(50), ';x="y"']);
    parts.push(
      Buffer.from(`${dice.odd(0.02, part.length.toString(16), ['zz', '-1', 'ffffffffffff'])}${extension}\r\n`),
      part,
      Buffer.from('\r\n'),
    );
    at += size;
  }
  return Buffer.concat([
    ...parts,
    Buffer.from(dice.odd(0.05, '0\r\n\r\n', ['0\r\nX-Trailer: a\r\n\r\n', '0\r\n', ''])),
  ]);
}

function randomHeaders(dice: Dice): string[] {
  const some = (share: number, name: string, values: readonly string[]): string[] =>
    dice.chance(share) ? [`${name}: ${dice.of(values)}`] : [];
  return [
    ...some(
      0.95,
      'Content-Type',
      dice.odd(
        0.1,
        ['application/json'],
        [
          [
            'text/plain',
            '',
            'application/json; charset=latin1',
            'a/b/c',
            'APPLICATION/JSON',
            'multipart/form-data; boundary=x',
          ],
        ],
      ),
    ),
    ...some(0.03, 'Content-Encoding', ['gzip', 'br', 'identity', 'gzip, gzip']),
    ...some(0.1, 'Accept', [
      'application/problem+json',
      '*/*',
      'text/html;q=0.1, application/problem+json;q=0.9',
      ';;;,,,',
    ]),
    ...some(0.2, 'X-Correlation-ID', ['abc-123', 'x'.repeat(129), 'bad id', '<script>', 'a.b_c-D']),
    ...some(0.1, 'X-Request-ID', ['req-1', '']),
    ...some(0.1, 'traceparent', ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '00-0-0-0']),
    ...some(0.1, 'X-Request-Timeout-Ms', ['1', '5', '1000', '0', '-5', 'soon', '1e3', '99999999999999']),
    ...some(0.1, 'Origin', ['https://app.example', 'https://evil.example', 'null']),
    ...some(0.05, 'Access-Control-Request-Method', ['POST', 'x y']),
    ...some(0.03, 'Expect', ['100-continue', 'something']),
    ...some(0.02, 'Upgrade', ['websocket', 'h2c']),
    ...some(0.02, 'X-Teapot', ['yes']),
    ...some(0.02, dice.of(['Bad Header', 'X\u0000', '', ': ', 'X(']), ['v', '\u0001', '\u007f']),
    ...some(0.02, 'X-Long', ['v'.repeat(3_000), 'v'.repeat(20_000)]),
    ...(dice.chance(0.01) ? Array.from({ length: 300 }, (_, at) => `X-${at}: v`) : []),
  ];
}
