// Preloaded into the gateway (NODE_OPTIONS): its engines run in the process that signals can make eat memory.
const childProcess = require('node:child_process');
const path = require('node:path');
const { syncBuiltinESMExports } = require('node:module');

const { fork } = childProcess;
const entry = path.join(__dirname, '../embedded-model/faulty-child.mjs');
childProcess.fork = (...launcher) => {
  const child = fork(...launcher);
  const send = child.send.bind(child);
  child.send = (message, ...rest) => send(message.type === 'open' ? { ...message, entry } : message, ...rest);
  return child;
};
syncBuiltinESMExports();
