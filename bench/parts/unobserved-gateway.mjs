/** The gateway on a runtime whose events nobody hears: no metrics, no spikes, no alerts, no log of events. Prints its port. */
import '../../packages/gateway/dist/cli/engine.js';
import { systemRuntime } from 'ripstop';
import { loadConfig } from '../../packages/gateway/dist/config/load.js';
import { createGateway } from '../../packages/gateway/dist/gateway.js';
import { createLogger } from '../../packages/gateway/dist/log.js';

const nobody = { on: () => () => undefined, emit: () => undefined, observed: false };
const config = await loadConfig(process.argv[2], process.env);
const gateway = createGateway(config, { logger: createLogger('warn') }, { ...systemRuntime, events: nobody });
console.log(await gateway.listen());
