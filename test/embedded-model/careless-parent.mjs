/** Starts an engine, tells its process id, and is then killed without a chance to clean up. */
import { systemRuntime } from 'ripstop';
import { Launcher } from '../../packages/gateway/dist/embedded-model/launcher.js';

const [file, runtime] = process.argv.slice(2);
const port = new Launcher(systemRuntime.clock).open({ file, runtime })({
  onMessage: ({ type }) => {
    if (type === 'ready') process.send(port.pid);
  },
  onExit: () => undefined,
});
