// What callers send, checked before a model sees it.
import { sanitizeText, validateFileUpload } from 'ripstop/input';
import { createChute } from 'ripstop/serving';
import { expect, test } from 'vitest';
import { z } from 'zod';

const logger = { debug() {}, info() {}, warn() {}, error() {} };

test('D125: a text loses what cannot be seen, and one that is too long is refused', () => {
  expect(sanitizeText('  Hello\u0000 wor\u200bld \u202e')).toBe('Hello world');
  expect(() => sanitizeText('x'.repeat(41), { maxLength: 40 })).toThrow('40');
});

test('D125: an upload is what its bytes are, whatever its name says', async () => {
  const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  await expect(validateFileUpload(png, { allowedTypes: ['image/jpeg'] })).rejects.toMatchObject({
    origin: 'client',
    isRetryable: false,
  });
});

test('R159 D125: a middleware that throws, and a field that is wrong, are answered in one envelope', async () => {
  const app = createChute({ name: 'answers', logger })
    .use(({ request }, next) => {
      if (request.headers['x-broken'] !== undefined) throw new Error('a secret of the inside');
      return next();
    })
    .cord('ask', { input: z.object({ prompt: z.string().min(1) }) }, () => 'Paris.');
  const wrong = await app.request('/ask', { json: { prompt: '' } });
  const broken = await app.request('/ask', { json: { prompt: 'Hi' }, headers: { 'x-broken': '1' } });
  const [wrongBody, brokenBody] = [await wrong.json(), await broken.json()];
  expect([wrong.status, broken.status]).toEqual([422, 500]);
  expect(Object.keys(wrongBody as object)).toEqual(expect.arrayContaining(Object.keys(brokenBody as object)));
  expect(JSON.stringify(brokenBody)).not.toContain('secret');
  expect(app.errorHandler.statistics()).toMatchObject({
    total_errors: 2,
    error_types: { validation_error: 1, internal_error: 1 },
  });
});
