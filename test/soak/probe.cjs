/**
 * Loaded into the gateway's process. On SIGUSR2 it collects garbage and writes to the file `SOAK_REPORT` how much memory
 * is in use; on SIGCONT besides, which takes a second, what objects are left.
 */
'use strict';
const { renameSync, writeFileSync } = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const v8 = require('node:v8');
const vm = require('node:vm');

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');
const file = process.env.SOAK_REPORT;
const Timeout = setTimeout(() => undefined, 0).unref().constructor;
let reports = 0;

function counted(names) {
  const counts = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function listenersOf(emitter) {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}

function objects() {
  const live = (kind) => v8.queryObjects(kind, { format: 'count' });
  return {
    active: counted(process.getActiveResourcesInfo()),
    live: {
      sockets: live(net.Socket),
      requests: live(http.IncomingMessage),
      responses: live(http.ServerResponse),
      signals: live(AbortSignal),
      timers: live(Timeout),
    },
    listeners: listenersOf(process),
  };
}

function report(more) {
  collect();
  const { rss, heapUsed } = process.memoryUsage();
  reports += 1;
  writeFileSync(`${file}.new`, JSON.stringify({ number: reports, rss, heapUsed, ...more }));
  renameSync(`${file}.new`, file);
}

process.on('SIGUSR2', () => report({}));
process.on('SIGCONT', () => report(objects()));
