import { expect, test } from 'vitest';
import { hideSecrets, longestMessage, redact } from './redact.js';

const secrets: readonly (readonly [string, string])[] = [
  ['an OpenAI key', 'Incorrect API key provided: sk-proj-canaryCANARY1234.'],
  ['the ends of a key', 'Incorrect API key provided: sk-canary********1234.'],
  ['the end of a key', 'Your api key: ****canary is not valid'],
  ['a key in the middle of dots', 'Received API Key = abcanary...wxyz'],
  ['a Google key', 'API key AIzaSyCANARYcanary0123456789 is off'],
  ['an AWS key id', 'Unknown access key AKIACANARY0123456789'],
  ['a token of its own kind', 'Bad token gsk_canary0123456789'],
  ['a Chutes key', 'No user with cpk_canary0123'],
  ['a header', 'Headers.append: Bearer canary-value is not valid'],
  ['basic credentials', 'Authorization: Basic Y2FuYXJ5OmNhbmFyeQ=='],
  ['a password', 'password=canary! was refused'],
  ['a hash', 'Key Hash (Token) =canary0123456789'],
  ['a JWT', 'The JWT eyJcanary0123456789.eyJcanary.canary has expired'],
  ['a UUID', 'request 0canary0-0000-4000-8000-000000000000'.replace('0canary0', 'cacaca00')],
  ['an organisation', 'Rate limit reached in organization org-canary0123456789 today'],
  ['a project', 'Project `proj_canary0123456789` has no access'],
  ['a request', 'See req_canary0123456789'],
  ['an ARN', 'User: arn:aws:iam::123456789012:user/canary is not allowed'],
  ['an account', 'Function not found for account 4815162342canary'.replace('4815162342canary', '481516234242')],
  ['an address', 'Write to canary@mail.example for more'],
  ['a link', 'Go to https://canary.example/billing?key=canary'],
  ['a host', 'Could not reach canary.eu-west-1.internal:8443'],
  ['a host of many parts', 'Could not reach a.b.c.d.e.f.g.h.i.j.canary.com'],
  ['an IP address', 'connect to 10.11.12.13:443 refused'],
  ['an IPv6 address', 'connect to [fd00:1:2::cafe]:443 refused'],
  ['a loopback address', 'connect to ::1 refused'],
  ['the local host', 'Post to localhost:11434/api/canary failed'],
  ['a path', 'no such file /home/canary/models/x.gguf'],
  [
    'what a validator was given',
    "bad [type=missing, input_value={'role': 'user', 'content': {'a': 'canary'}}, input_type=dict]",
  ],
  ['a long quotation', 'Could not parse "the canary sang for a very long time in its golden cage" at 3'],
  ['an echoed value', 'Invalid value: "canary prompt". Try another.'],
];

const told = /canary|CANARY|1234\b|wxyz|cacaca00|123456789012|481516234242|10\.11|fd00|::1|Y2Fu/;

test.each(secrets)('%s is not shown', (_, sentence) => {
  expect(redact(sentence)).not.toMatch(told);
});

test.each([
  ['See https://a.example/x?key=canary1234&page=2.', 'See [link]'],
  ['See https://a.example/?to=canary@mail.example now', 'See [link] now'],
  ['At http://[fd00::cafe]:8080/x it ends', 'At [link] it ends'],
  ['[see https://a.example/x] and so on', '[see [link]] and so on'],
])('a link is one word, whatever was taken out of it before: %s', (sentence, shown) => {
  expect(redact(sentence)).toBe(shown);
});

const harmless: readonly string[] = [
  'The model `gpt-4.1-mini` does not exist or you do not have access to it.',
  "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
  'max_tokens must be at least 1, got -186.',
  'Invalid value for messages[0].content: expected a string.',
  "You didn't provide a model, and there isn't a default one here.",
  'Please retry after 20 seconds, at 12:30:45 or later.',
  'Unsupported parameter: temperature.',
  'Token count exceeds 128k; the key is fine.',
];

test.each(harmless)('nothing is taken from "%s"', (sentence) => {
  expect(redact(sentence)).toBe(sentence);
});

test('a message is one line of at most 500 characters', () => {
  const text = redact(`first\n\tsecond \u0007 third ${'word '.repeat(1_000)}`);

  expect(text).toMatch(/^first second third word/);
  expect(text.length).toBe(longestMessage);
});

test('where a long text is cut, no piece of a key is left at the edge', () => {
  const text = `${'a '.repeat(990)}${'x'.repeat(10)} sk-canary0123456789`;

  expect(redact(text)).not.toContain('canary');
  expect(redact(`canary${'y'.repeat(5_000)}`)).not.toContain('canary');
});

test('I12: our own texts lose keys and passwords, and keep ids, hosts and words', () => {
  const hiding: readonly (readonly [string, string])[] = [
    ['with Authorization: Bearer canary-value', 'with Authorization: […] […]'],
    ['with cpk_canary0123.abc', 'with cpk-[…]'],
    ['with sk-proj-canaryCANARY1234', 'with sk-[…]'],
    ['api key = canary-value', 'api key = […]'],
    ['redis://user:canary@10.0.0.1:6379/0', 'redis://[…]@10.0.0.1:6379/0'],
    ['from canary@mail.example', 'from [email]'],
    ['two\nlines\u0007', 'two lines'],
  ];
  for (const [text, safe] of hiding) expect(hideSecrets(text)).toBe(safe);
  for (const text of [
    'Attempt 2 failed for req-12345: overloaded. Retrying in 2.00 seconds...',
    '0190a6b2-0000-7000-8000-000000000000 at https://models.internal/v1, org-4711',
    'said "the canary sang for a very long time in its golden cage"',
  ]) {
    expect(hideSecrets(text)).toBe(text);
  }
  expect(hideSecrets('word '.repeat(10_000))).toHaveLength(2_000);
});
