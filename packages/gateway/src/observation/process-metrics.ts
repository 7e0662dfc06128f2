import type * as PromClient from 'prom-client';

type Registry = PromClient.Registry<PromClient.OpenMetricsContentType>;

/**
 * CPU, memory and event loop of the process, by the names that other programs give them. Read at each scrape, and nothing
 * runs between: prom-client's own collection, which has more, watches every garbage collection and cannot be ended.
 */
export function addProcessMetrics({ Counter, Gauge }: typeof PromClient, registry: Registry): void {
  const registers: [] = [];
  const cpu = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the process, of user and system.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  registry.registerMetric(cpu);
  const gauge = (name: string, help: string, read: () => number): void => {
    const one = new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
    registry.registerMetric(one);
  };
  const startedAt = Math.round(performance.timeOrigin) / 1_000;
  gauge('process_start_time_seconds', 'When the process began, since the epoch.', () => startedAt);
  gauge('process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss());
  gauge('nodejs_heap_size_used_bytes', 'What is in use of the heap.', () => process.memoryUsage().heapUsed);
  gauge('nodejs_heap_size_total_bytes', 'What the heap takes.', () => process.memoryUsage().heapTotal);
  let before = performance.eventLoopUtilization();
  gauge('nodejs_eventloop_utilization_ratio', 'Share of the time since the last scrape that was not idle.', () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  });
}
