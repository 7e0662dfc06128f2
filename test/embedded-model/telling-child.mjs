/** A process that tells what it was given, and then does as it is told. */
const { env, argv, execArgv, ppid } = process;
process.send({ type: 'told', env, spec: JSON.parse(argv[2]), execArgv, ppid });
process.on('message', (message) => {
  if (message.type === 'count') {
    process.stderr.write('last words');
    process.exitCode = 7;
    process.disconnect();
  }
});
