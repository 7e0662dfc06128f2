// Preloaded into the gateway (NODE_OPTIONS): its engines run in the process that signals can make eat memory.
const childProcess = require('node:child_process');
const path = require('node:path');
const { syncBuiltinESMExports } = require('node:module');

const { fork } = childProcess;
const faulty = path.join(__dirname, '../embedded-model/faulty-child.mjs');
childProcess.fork = (entry, ...rest) => fork(entry.endsWith('engine-child.js') ? faulty : entry, ...rest);
syncBuiltinESMExports();
