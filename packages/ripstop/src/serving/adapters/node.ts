/** `ripstop/node`: chutes, and any other exchange handler, on `node:http`. */
export { type NodeListener, type NodeOptions, nodeDefaults, nodeListener } from './node-listener.js';
export {
  type CloseOptions,
  closeDefaults,
  type NodeServer,
  type ServeOptions,
  serve,
  serveDefaults,
} from './node-server.js';
