import { Validator } from '@seriousme/openapi-schema-validator';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { errorTypes } from '../errors/error-table.js';
import { virtualRuntime } from '../testing/virtual-runtime.js';
import { createChute } from './chute.js';
import type { ChuteOptions } from './chute-options.js';
import type { JsonSchema } from './json-schema.js';

function service(options: Partial<ChuteOptions> = {}) {
  return createChute({ name: 'text-service', version: '1.4.0', ...options }, virtualRuntime());
}

interface Document {
  readonly openapi: string;
  readonly info: object;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, JsonSchema>; readonly responses: Record<string, JsonSchema> };
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly JsonSchema[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Record<string, { readonly schema: JsonSchema }>;
  };
  readonly responses: Record<string, { readonly content: Record<string, JsonSchema> }>;
}

const documentOf = (app: { openApi(): JsonSchema }): Document => app.openApi() as unknown as Document;
const bodyOf = (operation: Operation | undefined): JsonSchema | undefined =>
  operation?.requestBody?.content['application/json']?.schema;

async function assertValid(app: { openApi(): JsonSchema }): Promise<void> {
  const { valid, errors } = await new Validator().validate(structuredClone(app.openApi()) as Record<string, unknown>);
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  assertRefsResolve(app.openApi());
}

/** The validator looks at the form only; whether each reference leads somewhere is looked at here. */
function assertRefsResolve(document: JsonSchema, node: unknown = document): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    if (key !== '$ref') assertRefsResolve(document, value);
    else {
      const found = (value as string)
        .slice(2)
        .split('/')
        .reduce<unknown>((from, part) => (from as JsonSchema | undefined)?.[part], document);
      expect(found, String(value)).toBeDefined();
    }
  }
}

describe('I16: the OpenAPI 3.1 document of a chute', () => {
  const app = service({
    openApi: { title: 'Texts', description: 'Makes texts.', servers: [{ url: 'https://a.example' }] },
  })
    .cord(
      'generate',
      {
        summary: 'Generates a text.',
        input: z.object({ prompt: z.string().min(1), max_tokens: z.number().int().default(100) }),
        output: z.object({ generated_text: z.string() }),
      },
      () => ({ generated_text: '' }),
    )
    .cord('chat', { path: '/v1/chat', dialect: 'openai', stream: 'sse', input: type({ prompt: 'string' }) }, () => 1)
    .cord('lines', { stream: 'ndjson', output: z.object({ delta: z.string() }) }, () => ({ delta: '' }))
    .cord(
      'search',
      {
        path: '/things/:id/{part}',
        method: 'GET',
        input: z.object({ q: z.string(), n: z.coerce.number().optional() }),
      },
      () => 1,
    )
    .cord('remove', { path: '/things/:id/{part}', method: 'DELETE' }, () => undefined);

  test('is valid, and says of each cord what it takes and gives', async () => {
    await assertValid(app);
    const { openapi, info, paths } = documentOf(app);
    expect(openapi).toBe('3.1.1');
    expect(info).toEqual({ title: 'Texts', version: '1.4.0', description: 'Makes texts.' });
    expect(Object.keys(paths)).toEqual(['/generate', '/v1/chat', '/lines', '/things/{id}/{part}']);
    const generate = paths['/generate']?.['post'] as Operation;
    expect(generate).toMatchObject({ operationId: 'generate', summary: 'Generates a text.' });
    expect(generate.requestBody?.required).toBe(true);
    expect(bodyOf(generate)).toMatchObject({
      properties: { prompt: { type: 'string', minLength: 1 }, max_tokens: { type: 'integer', default: 100 } },
      required: ['prompt'],
    });
    expect(generate.responses['200']?.content['application/json']).toMatchObject({
      schema: { properties: { generated_text: { type: 'string' } } },
    });
    expect(paths['/things/{id}/{part}']?.['delete']?.requestBody).toBeUndefined();
  });

  test('parameters of the path and of the query stand where they belong', () => {
    const { parameters, requestBody } = documentOf(app).paths['/things/{id}/{part}']?.['get'] ?? {};
    expect(parameters).toMatchObject([
      { name: 'id', in: 'path', required: true },
      { name: 'part', in: 'path', required: true },
      { name: 'q', in: 'query', required: true, schema: { type: 'string' } },
      { name: 'n', in: 'query', required: false },
    ]);
    expect(requestBody).toBeUndefined();
  });

  test('a streaming cord names its media type and the schema of its items', () => {
    const { paths } = documentOf(app);
    expect(Object.keys(paths['/v1/chat']?.['post']?.responses['200']?.content ?? {})).toContain('text/event-stream');
    expect(paths['/lines']?.['post']?.responses['200']?.content['application/x-ndjson']).toMatchObject({
      'x-item-schema': { properties: { delta: { type: 'string' } } },
    });
  });

  test('lists every error of the table under its status, in the dialect of the cord', () => {
    const { paths, components } = documentOf(app);
    const native = paths['/generate']?.['post']?.responses ?? {};
    const statuses = ['400', '401', '403', '404', '408', '413', '415', '422', '429', '500', '502', '503', '504', '507'];
    expect(Object.keys(native)).toEqual(['200', ...statuses]);
    expect(native['422']).toEqual({ $ref: '#/components/responses/Error422' });
    expect(paths['/v1/chat']?.['post']?.responses['503']).toEqual({ $ref: '#/components/responses/OpenAiError503' });
    expect(Object.keys(paths['/things/{id}/{part}']?.['get']?.responses ?? {})).not.toContain('413');
    const told = JSON.stringify(components.responses);
    for (const errorType of Object.keys(errorTypes)) {
      expect(told.includes(`\`${errorType}\``), errorType).toBe(
        !['cancelled', 'stream_interrupted'].includes(errorType),
      );
    }
    expect(components.schemas['ErrorType']).toEqual({ type: 'string', enum: Object.keys(errorTypes) });
    expect(components.responses['Error503']).toMatchObject({ headers: { 'Retry-After': {} } });
  });

  test('D122: under the chutes profile there are only the statuses that leave the house', () => {
    const chutes = service({ profile: 'chutes' }).cord('g', {}, () => 1);
    expect(Object.keys(documentOf(chutes).paths['/g']?.['post']?.responses ?? {})).toEqual([
      '200',
      '400',
      '429',
      '500',
    ]);
  });

  test('is served at /openapi.json', async () => {
    const response = await app.request('/openapi.json');
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await response.json()).toEqual(app.openApi());
  });
});

describe('schemas', () => {
  const Message = z.object({ role: z.string(), content: z.string() }).meta({ id: 'Message' });

  test('named parts of zod’s schemas become components that cords share', async () => {
    const app = service()
      .cord('one', { input: z.object({ messages: z.array(Message) }) }, () => 1)
      .cord('two', { input: z.object({ last: Message }), output: Message }, () => ({ role: 'a', content: 'b' }));
    await assertValid(app);
    const { paths, components } = documentOf(app);
    expect(bodyOf(paths['/one']?.['post'])).toMatchObject({
      properties: { messages: { items: { $ref: '#/components/schemas/Message' } } },
    });
    expect(JSON.stringify(app.openApi())).not.toContain('$defs');
    expect(components.schemas['Message']).toMatchObject({ properties: { role: { type: 'string' } } });
  });

  test('two parts of one name and different meaning keep apart, and so does one that is named like ours', async () => {
    const named = (id: string, schema: JsonSchema): JsonSchema => ({ $ref: `#/$defs/${id}`, $defs: { [id]: schema } });
    const app = service()
      .cord('a', { jsonSchema: { input: named('Part', { type: 'string' }) } }, () => 1)
      .cord('b', { jsonSchema: { input: named('Part', { type: 'number' }) } }, () => 1)
      .cord('c', { jsonSchema: { input: named('Error', { type: 'null' }) } }, () => 1)
      .cord('d', { jsonSchema: { input: named('a/b c', { type: 'null' }) } }, () => 1);
    await assertValid(app);
    const { paths, components } = documentOf(app);
    const refs = ['/a', '/b', '/c'].map((path) => bodyOf(paths[path]?.['post'])?.['$ref']);
    expect(refs).toEqual(['Part', 'Part_2', 'Error_2'].map((name) => `#/components/schemas/${name}`));
    expect(components.schemas).toMatchObject({ Part_2: { type: 'number' }, a_b_c: { type: 'null' } });
  });

  test('a schema that refers to itself does so in the document too', async () => {
    interface Tree {
      readonly name: string;
      readonly children: Tree[];
    }
    const tree: z.ZodType<Tree, Tree> = z.lazy(() => z.object({ name: z.string(), children: z.array(tree) }));
    const wrapped = z.object({ root: tree });
    const app = service()
      .cord('tree', { input: tree }, () => 1)
      .cord('wrapped', { input: wrapped }, () => 1);
    await assertValid(app);
    const { paths, components } = documentOf(app);
    expect(bodyOf(paths['/tree']?.['post'])).toEqual({ $ref: '#/components/schemas/tree.input' });
    expect(components.schemas['tree.input']).toBeDefined();
  });

  test('data that looks like a reference stays data', async () => {
    const schema = { type: 'object', default: { $ref: '#' }, examples: [{ $ref: '#/$defs/x' }] };
    const app = service().cord('a', { jsonSchema: { input: schema } }, () => 1);
    expect(bodyOf(documentOf(app).paths['/a']?.['post'])).toEqual(schema);
  });

  test('what JSON Schema cannot say is left open, and never breaks the document', async () => {
    const broken = {
      '~standard': {
        version: 1,
        vendor: 'x',
        validate: (value: unknown) => ({ value }),
        jsonSchema: {
          input: () => {
            throw new Error('cannot');
          },
        },
      },
    } as const;
    const app = service()
      .cord('date', { input: z.object({ at: z.date() }) }, () => 1)
      .cord('arkdate', { input: type({ at: 'Date' }) }, () => 1)
      .cord('broken', { input: broken }, () => 1);
    await assertValid(app);
    expect(bodyOf(documentOf(app).paths['/date']?.['post'])).toMatchObject({ properties: { at: {} } });
    expect(bodyOf(documentOf(app).paths['/broken']?.['post'])).toEqual({});
  });

  test('valibot says nothing of itself: a cord’s own schema or a converter does', async () => {
    const schema = v.object({ prompt: v.string() });
    const said = { type: 'object', properties: { prompt: { type: 'string' } } };
    const silent = service().cord('g', { input: schema }, () => 1);
    expect(bodyOf(documentOf(silent).paths['/g']?.['post'])).toEqual({});
    const own = service().cord('g', { input: schema, jsonSchema: { input: said } }, () => 1);
    expect(bodyOf(documentOf(own).paths['/g']?.['post'])).toEqual(said);
    const toJsonSchema: NonNullable<Exclude<ChuteOptions['openApi'], 'none'>>['toJsonSchema'] = (given) =>
      given['~standard'].vendor === 'valibot' ? said : undefined;
    const converted = service({ openApi: { toJsonSchema } })
      .cord('g', { input: schema }, () => 1)
      .cord('z', { input: z.string() }, () => 1);
    expect(bodyOf(documentOf(converted).paths['/g']?.['post'])).toEqual(said);
    expect(bodyOf(documentOf(converted).paths['/z']?.['post'])).toEqual({ type: 'string' });
  });
});
