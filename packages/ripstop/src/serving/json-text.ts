/** JSON from outside is read on the floor of input. */
export { assertJsonValue as assertHarmless } from '../input/json-limits.js';
export { parseJson } from '../input/json-text.js';
