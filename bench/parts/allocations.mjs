/** Run by bench/policies.mjs in a process of its own: prints bytes a call for every candidate of three policies, as JSON. */
import { bytesPerCall } from './measure.mjs';
import { threePolicies } from './pipelines.mjs';

const bytes = {};
for (const [name, call] of Object.entries(threePolicies())) bytes[name] = await bytesPerCall(call);
process.stdout.write(JSON.stringify(bytes));
process.exit(0);
