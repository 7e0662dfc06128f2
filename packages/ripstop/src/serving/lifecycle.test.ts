import { expect, test } from 'vitest';
import { ModelOverloadedError } from '../errors/rejections.js';
import { ModelLoadingError } from '../errors/upstream-errors.js';
import { createLifecycle } from './lifecycle.js';

const later = (action: () => void): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(() => {
      action();
      resolve();
    });
  });

test('R202 D123: startup hooks run once, in order, each awaited, with the state', async () => {
  const order: string[] = [];
  const lifecycle = createLifecycle({ order });
  lifecycle.onStartup(({ order }) => later(() => void order.push('first')));
  lifecycle.onStartup(({ order }) => void order.push('second'));
  lifecycle.onStartup(({ order }) => later(() => void order.push('third')));
  await Promise.all([lifecycle.start(), lifecycle.start()]);
  await lifecycle.start();
  expect(order).toEqual(['first', 'second', 'third']);
});

test('R202 D124: shutdown hooks run once, in reverse, each awaited', async () => {
  const order: string[] = [];
  const lifecycle = createLifecycle({});
  lifecycle.onShutdown(() => later(() => void order.push('first added')));
  lifecycle.onShutdown(() => later(() => void order.push('last added')));
  await lifecycle.start();
  await Promise.all([lifecycle.stop(), lifecycle.stop()]);
  expect(order).toEqual(['last added', 'first added']);
});

test('R202: a startup hook that fails stops the start with its error; nothing after it runs', async () => {
  const order: string[] = [];
  const lifecycle = createLifecycle({});
  const failure = new Error('no weights');
  lifecycle.onStartup(() => void order.push('before'));
  lifecycle.onStartup(() => Promise.reject(failure));
  lifecycle.onStartup(() => void order.push('after'));
  lifecycle.onShutdown(() => void order.push('cleaned up'));
  await expect(lifecycle.start()).rejects.toBe(failure);
  await expect(lifecycle.start()).rejects.toBe(failure);
  expect(() => lifecycle.assertReady()).toThrowError(ModelLoadingError);
  await lifecycle.stop();
  expect(order).toEqual(['before', 'cleaned up']);
});

test('D124: a shutdown hook that fails does not keep the others from running', async () => {
  const order: string[] = [];
  const lifecycle = createLifecycle({});
  lifecycle.onShutdown(() => void order.push('ran'));
  lifecycle.onShutdown(() => {
    throw new Error('one');
  });
  await expect(lifecycle.stop()).rejects.toThrowError('one');
  expect(order).toEqual(['ran']);

  const two = createLifecycle({});
  two.onShutdown(() => Promise.reject(new Error('a')));
  two.onShutdown(() => Promise.reject(new Error('b')));
  await expect(two.stop()).rejects.toThrowError('2 shutdown hooks failed');
});

test('a stop waits for a start under way, and nothing starts after it', async () => {
  const order: string[] = [];
  const lifecycle = createLifecycle({});
  lifecycle.onStartup(() => later(() => void order.push('started')));
  lifecycle.onShutdown(() => void order.push('stopped'));
  const starting = lifecycle.start();
  await lifecycle.stop();
  await starting;
  expect(order).toEqual(['started', 'stopped']);
  await expect(lifecycle.start()).rejects.toThrowError('has been stopped');
});

test('requests come in when the hooks are done, and no longer after a stop', async () => {
  const lifecycle = createLifecycle({});
  expect(() => lifecycle.assertReady()).not.toThrow();
  lifecycle.onStartup(() => later(() => undefined));
  expect(() => lifecycle.assertReady()).toThrowError(ModelLoadingError);
  const starting = lifecycle.start();
  expect(() => lifecycle.assertReady()).toThrowError(ModelLoadingError);
  await starting;
  expect(() => lifecycle.assertReady()).not.toThrow();
  await lifecycle.stop();
  expect(() => lifecycle.assertReady()).toThrowError(ModelOverloadedError);
});
