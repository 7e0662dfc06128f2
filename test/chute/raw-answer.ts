/** An HTTP/1.1 answer, read off the bytes of a connection. */

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Has its body the length that was stated, or its last chunk? */
  readonly complete: boolean;
}

/** The first answer that is no interim one; `undefined` where there is none. */
export function readAnswer(bytes: Buffer, method: string): RawAnswer | undefined {
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1] ?? 0);
  if (status >= 100 && status < 200) return readAnswer(bytes.subarray(end + 4), method);
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const rest = bytes.subarray(end + 4);
  if (method === 'HEAD' || status === 204) return { status, headers, body: '', complete: true };
  if (headers['transfer-encoding'] === 'chunked') return { status, headers, ...dechunked(rest) };
  const length = headers['content-length'];
  // HTTP/1.0 clients are told the end of a stream by the end of the connection.
  const complete = length === undefined || Number(length) === rest.length;
  return { status, headers, body: rest.toString('utf8'), complete };
}

function dechunked(bytes: Buffer): { readonly body: string; readonly complete: boolean } {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return { body: Buffer.concat(parts).toString('utf8'), complete: false };
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (size === 0) return { body: Buffer.concat(parts).toString('utf8'), complete: true };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}
