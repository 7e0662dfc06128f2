/** What `app.listen()` is where there is no `node:http`: bundles for browsers and workers get this file instead. */
export function listen(): Promise<never> {
  return Promise.reject(new Error('There is no node:http here to listen with; hand app.fetch to the platform'));
}
