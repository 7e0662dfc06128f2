import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { estimateTokens } from './token-estimate.js';

/** Counted with OpenAI's cl100k_base and o200k_base. */
const samples: Readonly<Record<string, readonly [cl100k: number, o200k: number, text: string]>> = {
  English: [
    63,
    63,
    'A circuit breaker stops calling a service that keeps failing. After a while it lets one call through; if that ' +
      'call succeeds, the traffic returns, and if it fails, the wait begins again. Nobody has to wait for an answer ' +
      'that will not come, and the service gets the rest that it needs to recover.',
  ],
  'source code': [
    57,
    57,
    'export function average(values: readonly number[]): number {\n  if (values.length === 0) throw new ' +
      "RangeError('values must not be empty');\n  let total = 0;\n  for (const value of values) total += value;\n" +
      '  return total / values.length;\n}\n',
  ],
  JSON: [
    59,
    61,
    '{"id":"order-1842","customer":{"name":"Ada","email":"ada@example.com"},"items":[{"sku":"A-17","price":12.5,' +
      '"quantity":3},{"sku":"B-02","price":7.25,"quantity":10}],"paid":true}',
  ],
  German: [
    43,
    35,
    'Ein Schutzschalter trennt einen Dienst, der immer wieder ausfällt, für eine Weile vom Verkehr. Danach lässt er ' +
      'einen einzelnen Aufruf durch und entscheidet neu.',
  ],
  Russian: [
    55,
    31,
    'Предохранитель на время отключает службу, которая постоянно отвечает ошибками, а затем пропускает один пробный ' +
      'вызов и решает заново.',
  ],
  Chinese: [43, 30, '当一个服务不断失败时，断路器会停止调用它。过一段时间后，它放行一次调用，再决定是否恢复。'],
  Japanese: [
    60,
    45,
    'サービスが失敗し続けるとき、ブレーカーはしばらく呼び出しを止めます。その後、一度だけ試して、元に戻すかを決めます。',
  ],
  emoji: [28, 16, '😀🚀🎉🔥👍🙏💡🌍🐱🍕'],
  digits: [17, 17, '31415926535897932384626433832795028841971693993751'],
};

for (const [what, [cl100k, o200k, text]] of Object.entries(samples)) {
  test(`the estimate for ${what} is near what tokenizers count`, () => {
    const estimate = estimateTokens(text);
    expect(estimate).toBeGreaterThan(Math.min(cl100k, o200k) * 0.8);
    expect(estimate).toBeLessThan(Math.max(cl100k, o200k) * 1.35);
  });
}

test('a chat costs a few tokens more than its texts', () => {
  const text = 'What is a circuit breaker?';
  const chat = estimateTokens({ messages: [{ role: 'user', content: text }] });
  expect(chat - estimateTokens(text)).toBeGreaterThanOrEqual(3);
  expect(chat - estimateTokens(text)).toBeLessThanOrEqual(8);
});

test('tools, tool calls and the text in parts are counted', () => {
  const messages = [{ role: 'user', content: 'hello' }];
  const plain = estimateTokens({ messages });
  const tools = [{ type: 'function', function: { name: 'find_order', parameters: { type: 'object' } } }];
  expect(estimateTokens({ messages, tools })).toBeGreaterThan(plain + 10);
  expect(estimateTokens({ messages: [{ role: 'assistant', content: null, tool_calls: tools }] })).toBeGreaterThan(10);
  const parts = [{ role: 'user', content: [{ type: 'text', text: 'hello' }, 'hello'] }];
  expect(estimateTokens({ messages: parts })).toBeGreaterThan(plain);
});

test('an image is an image and not a megabyte of text', () => {
  const url = `data:image/png;base64,${'A'.repeat(1_000_000)}`;
  const content = [{ type: 'image_url', image_url: { url } }];
  expect(estimateTokens({ messages: [{ role: 'user', content }] })).toBeLessThan(1_000);
});

test('a megabyte of one character is as cheap as any other text', () => {
  // Tokenizers take minutes here; so would this test, if the work grew faster than the text.
  for (const unit of ['a', ' ', '😀', '\n', '1', '.', '好']) {
    const half = estimateTokens(unit.repeat(500_000));
    expect(Math.abs(estimateTokens(unit.repeat(1_000_000)) - 2 * half)).toBeLessThan(10);
  }
});

test('any text has a finite estimate, and more text never less', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (a, b) => {
      const estimate = estimateTokens(a + b);
      expect(Number.isInteger(estimate)).toBe(true);
      expect(estimate).toBeGreaterThanOrEqual(Math.floor(estimateTokens(a)));
    }),
    { numRuns: 200 },
  );
  expect(estimateTokens('')).toBe(0);
});
