import { expect, test } from 'vitest';
import { clientAddress } from './client-address.js';

const from = (forwarded: string | undefined, trustedProxies?: number): string | undefined =>
  clientAddress({ headers: { 'x-forwarded-for': forwarded }, remoteAddress: '10.0.0.9' }, { trustedProxies });

test('D65 R85: the address is the connection’s, and no header of the caller’s changes it', () => {
  expect(from(undefined)).toBe('10.0.0.9');
  expect(from('1.2.3.4')).toBe('10.0.0.9');
  expect(clientAddress({ headers: {} })).toBeUndefined();
});

test('D65: behind proxies of our own it is what the outermost of them saw', () => {
  expect(from('1.2.3.4', 1)).toBe('1.2.3.4');
  expect(from('6.6.6.6, 1.2.3.4', 1)).toBe('1.2.3.4');
  expect(from('6.6.6.6, 1.2.3.4, 10.0.0.1', 2)).toBe('1.2.3.4');
  expect(from('1.2.3.4', 2)).toBe('1.2.3.4');
  expect(from(undefined, 2)).toBe('10.0.0.9');
});

test('an address may have a port or brackets, and what is none is passed over', () => {
  expect(from('1.2.3.4:5678', 1)).toBe('1.2.3.4');
  expect(from('[2001:db8::1]:5678', 1)).toBe('2001:db8::1');
  expect(from('2001:db8::1', 1)).toBe('2001:db8::1');
  expect(from('::ffff:1.2.3.4', 1)).toBe('::ffff:1.2.3.4');
  for (const odd of ['unknown', '<script>', '1.2.3.4 x', '_hidden', 'a'.repeat(9_999)]) {
    expect(from(odd, 1), odd).toBe('10.0.0.9');
  }
});

test('a number of proxies that makes no sense is refused', () => {
  expect(() => from('1.2.3.4', -1)).toThrow(RangeError);
  expect(() => from('1.2.3.4', 0.5)).toThrow(RangeError);
});
