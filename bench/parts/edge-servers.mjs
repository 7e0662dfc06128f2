/**
 * The contenders of `bench/edge.mjs`, one per process: `node edge-servers.mjs <name>` prints its port. All answer the
 * same JSON to the same request; those of Ripstop check it, give it an id and a context besides.
 */
import { createServer } from 'node:http';

const answerTo = ({ prompt, max_tokens = 100 }) => ({
  generated_text: `You said: ${prompt}`,
  input_tokens: prompt.length,
  max_tokens,
  success: true,
});

async function chute(options) {
  const [{ createChute }, { z }] = await Promise.all([import('ripstop/serving'), import('zod')]);
  const input = z.object({
    prompt: z.string().min(1).max(10_000),
    max_tokens: z.number().int().min(1).max(4_000).default(100),
  });
  const made = createChute({ name: 'bench', ...options }).cord('generate', { input }, ({ input }) => answerTo(input));
  await made.start();
  return made;
}

const contenders = {
  async 'bare node:http'() {
    const server = createServer((request, response) => {
      const chunks = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const body = JSON.stringify(answerTo(JSON.parse(Buffer.concat(chunks).toString())));
        response.writeHead(200, {
          'content-type': 'application/json; charset=utf-8',
          'content-length': Buffer.byteLength(body),
        });
        response.end(body);
      });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return server.address().port;
  },
  async 'chute on node:http'(options) {
    const { serve } = await import('ripstop/node');
    const { port } = await serve((await chute(options)).handle, { port: 0 });
    return port;
  },
  /** What the chute's adapter costs by itself. */
  async 'adapter on node:http'() {
    const { serve } = await import('ripstop/node');
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    const handle = async (request) => {
      const bytes = await request.readBody(1_000_000);
      return { status: 200, headers, body: JSON.stringify(answerTo(JSON.parse(Buffer.from(bytes).toString()))) };
    };
    const { port } = await serve(handle, { port: 0 });
    return port;
  },
  async 'bare Fastify'() {
    return listenFastify((app) => app.post('/generate', async ({ body }) => answerTo(body)));
  },
  async 'chute in Fastify'(options) {
    const { mount } = await import('ripstop/fastify');
    const { handle } = await chute(options);
    return listenFastify((app) => app.register(mount(handle)));
  },
  async 'Fastify, our errors'() {
    const { errorHandling } = await import('ripstop/fastify');
    return listenFastify((app) => {
      app.register(errorHandling());
      app.post('/generate', async ({ body }) => answerTo(body));
    });
  },
  async 'bare Hono'() {
    return listenHono((app) => app.post('/generate', async (c) => c.json(answerTo(await c.req.json()))));
  },
  async 'chute in Hono'(options) {
    const { mount } = await import('ripstop/hono');
    const { handle } = await chute(options);
    return listenHono((app) => app.all('/*', mount(handle)));
  },
  async 'Hono, our errors'() {
    const { errorHandler, requestContext } = await import('ripstop/hono');
    return listenHono((app) => {
      app.use(requestContext());
      app.onError(errorHandler());
      app.post('/generate', async (c) => c.json(answerTo(await c.req.json())));
    });
  },
  async 'bare Express'() {
    return listenExpress((app, { json }) => {
      app.post('/generate', json(), (request, response) => response.json(answerTo(request.body)));
    });
  },
  async 'chute in Express'(options) {
    const { mount } = await import('ripstop/express');
    const { handle } = await chute(options);
    return listenExpress((app) => app.use(mount(handle)));
  },
};

async function listenFastify(setUp) {
  const { default: fastify } = await import('fastify');
  const app = fastify();
  setUp(app);
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app.server.address().port;
}

async function listenHono(setUp) {
  const [{ Hono }, { serve }] = await Promise.all([import('hono'), import('@hono/node-server')]);
  const app = new Hono();
  setUp(app);
  return new Promise((resolve) =>
    serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve(port)),
  );
}

async function listenExpress(setUp) {
  const { default: express } = await import('express');
  const app = express();
  setUp(app, express);
  return new Promise((resolve) => {
    const server = app.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

// Without error contexts nothing of the process runs under an AsyncLocalStorage.
const [name, without] = process.argv[2].split(', no ');
console.log(await contenders[name]({ errorContext: without === undefined ? 'requests' : 'none' }));
