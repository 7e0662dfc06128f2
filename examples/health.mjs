// Is it well? The page docs/health.md is cut from here.
import { systemRuntime } from 'ripstop';
import { eventLoopCheck, healthChecker, modelCheck } from 'ripstop/observation';
import { diskCheck, gpuCheck, memoryCheck } from 'ripstop/node';
import { createChute } from 'ripstop/serving';

const model = { generate: async () => 'Paris.' };
const queue = { length: 90, room: 64 };

// snippet: chute
const app = createChute({ name: 'painter' })
  .healthCheck('model', { critical: true, intervalMs: 15_000 }, modelCheck(model, { name: 'main' }))
  .healthCheck('gpu', { critical: true }, gpuCheck())
  .healthCheck('disk', diskCheck({ path: '/', minFreePercent: 1 }))
  .healthCheck('queue', () => ({ healthy: queue.length < queue.room, waiting: queue.length }));

const { status } = await app.request('/readyz');
const { overall_status, checks } = await app.health();
console.log(status, overall_status, checks.model.status, checks.gpu.status, checks.queue.details);
// end of snippet
await app.stop();

// snippet: alone
const checker = healthChecker();
checker.registerCheck('memory', memoryCheck({ maxPercent: 100 }));
checker.registerCheck('event_loop', eventLoopCheck({ maxDelayMs: 10_000 }), { tags: ['liveness'], intervalMs: 5_000 });
checker.registerCheck('cache', () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7:6379')), { ttlMs: 1_000 });

const off = systemRuntime.events.on((event) => {
  if (event.type === 'health.changed') console.log(event.check, event.previous, '→', event.status);
});
checker.start();
const report = await checker.runAllChecks();
console.log(report.overall_status, report.checks.cache.error);
console.log((await checker.runAllChecks({ view: 'full' })).checks.cache.error);
console.log(checker.transitions.map(({ check, status, reason }) => `${check} ${status}: ${reason}`));
checker.close();
off();
// end of snippet
