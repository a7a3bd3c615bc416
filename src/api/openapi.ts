import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { stringify } from 'yaml';
import { z } from 'zod';
import { Problem } from './problem.ts';
import { problemKinds, type Slug } from './problems.ts';
import { commonProblems } from './route.ts';

const description = [
  'Progressive delivery for Istio. A rollout takes a VirtualService from one destination to another by a plan: step by step, watched in Prometheus, and back by itself when a limit is broken.',
  'Every request but the probes carries `Authorization: Bearer <token>`. Times are RFC 3339 in UTC. Durations are accepted as seconds or text (`"5m"`) and answered as seconds; ratios are accepted as `"1%"` or 0.01 and answered as 0.01; weights are percent.',
  'Every failure is a problem (RFC 9457) whose `type` leads to a page about it.',
].join('\n\n');

const info = {
  title: 'canaryd',
  version: '0.1.0',
  description,
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
};

const tags = [
  { name: 'rollouts', description: 'Start rollouts and look at them.' },
  { name: 'actions', description: 'What people and machines tell a rollout to do.' },
  { name: 'approvals', description: 'What waits for people, and their word on it.' },
  { name: 'alerts', description: 'What monitoring tells canaryd.' },
  { name: 'emergency', description: 'Stop everything, or take everything back.' },
  { name: 'plans', description: 'Plans that are kept, in versions that never change.' },
  { name: 'targets', description: 'What can be rolled out to, and what was.' },
  { name: 'audit', description: 'Who did what, when, and why.' },
  { name: 'identity', description: 'Who is asking.' },
  { name: 'problems', description: 'What went wrong and how to mend it.' },
  { name: 'probes', description: 'For orchestrators and scrapers; no token.' },
];

const bearer = {
  type: 'http',
  scheme: 'bearer',
  description: 'A token from the configuration of canaryd; it names a person or a machine.',
} as const;

/** How the contract is written from the schemas of the routes. */
export const contractOptions: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info,
    tags,
    security: [{ bearer: [] }],
    components: { securitySchemes: { bearer } },
  },
  transform: (document) => {
    if (document.schema.hide === true) return document;
    const config = document.route.config ?? {};
    const response = { ...Object(document.schema.response), ...problemAnswers(config) };
    const written = zodToContract({ ...document, schema: { ...document.schema, response } });
    const answers = withHeaders(Answers.parse(written.schema.response), config);
    const security = config.public === true ? { security: [] } : {};
    const body = {
      [marks.optional]: config.bodyOptional,
      [marks.example]: config.bodyExample,
      [marks.yaml]: config.takesYaml,
    };
    return { ...written, schema: { ...written.schema, ...security, ...body, response: answers } };
  },
  transformObject: createJsonSchemaTransformObject({}),
};

/** How a route's configuration reaches the finished document; taken out again there. */
const marks = { optional: 'x-body-optional', example: 'x-body-example', yaml: 'x-body-yaml' } as const;

const zodToContract = createJsonSchemaTransform({});

const Answers = z.record(z.string(), z.looseObject({}));

const Contract = z.looseObject({
  openapi: z.string(),
  info: z.unknown(),
  tags: z.unknown(),
  security: z.unknown(),
  paths: z.record(z.string(), z.record(z.string(), z.looseObject({}))),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
});

/** The contract of a server that is ready, as YAML. */
export function contractOf(app: FastifyInstance): string {
  return stringify(contractDocument(app), { lineWidth: 110, aliasDuplicateObjects: false });
}

/** The contract of a server that is ready, as data: bodies that may be left out say so, and no schema is idle. */
export function contractDocument(app: FastifyInstance): z.output<typeof Contract> {
  const contract = Contract.parse(app.swagger());
  const paths = Object.entries(contract.paths).map(([path, operations]) => [
    path,
    mendOperations(operations),
  ]);
  const mended = { ...contract, paths: Contract.shape.paths.parse(Object.fromEntries(paths)) };
  const schemas = usedSchemas(mended.paths, contract.components.schemas);
  return { ...mended, components: { ...contract.components, schemas } };
}

type Operations = z.output<typeof Contract>['paths'][string];

function mendOperations(operations: Operations): Operations {
  return Object.fromEntries(Object.entries(operations).map(([method, one]) => [method, mendBody(one)]));
}

const Body = z.looseObject({ content: z.record(z.string(), z.looseObject({})) });

/** The library calls every body required, and drops the examples of a body that is transformed. */
function mendBody({
  [marks.optional]: optional,
  [marks.example]: example,
  [marks.yaml]: takesYaml,
  ...operation
}: Operations[string]) {
  const body = Body.safeParse(operation['requestBody']);
  if (!body.success) return operation;
  const written = body.data.content['application/json'];
  const media: Record<string, unknown> = { ...written, ...(example === undefined ? {} : { example }) };
  const yaml = takesYaml === true ? { 'application/yaml': { schema: media['schema'] } } : {};
  const content = { 'application/json': media, ...yaml };
  return { ...operation, requestBody: { required: optional !== true, content } };
}

/** Schemas that the paths lead to, directly or through one another, in the order of their names. */
function usedSchemas(paths: unknown, schemas: Record<string, unknown>): Record<string, unknown> {
  const used = new Set<string>();
  const left: unknown[] = [paths];
  while (left.length > 0) {
    const names = referencesIn(left.pop()).filter((name) => !used.has(name));
    for (const name of names) {
      used.add(name);
      left.push(schemas[name]);
    }
  }
  return Object.fromEntries([...used].sort().map((name) => [name, schemas[name]]));
}

function referencesIn(part: unknown): string[] {
  const references = JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
  return [...new Set([...references].map(([, name = '']) => name))];
}

type Answer = { description: string; content: Record<string, { schema: z.ZodType }> };

/** The problems of a route by status; those that every route has are not repeated in each list. */
function problemAnswers(config: FastifyContextConfig): Record<string, Answer> {
  const common: readonly Slug[] = config.public === true ? ['malformed-request', 'internal'] : commonProblems;
  const answers: Record<string, Answer> = {};
  for (const slug of new Set([...common, ...(config.problems ?? [])])) {
    const { status, title } = problemKinds[slug];
    const earlier = answers[status]?.description;
    const description = `${earlier === undefined ? '' : `${earlier}\n`}- \`${slug}\`: ${title}.`;
    answers[status] = { description, content: { 'application/problem+json': { schema: Problem } } };
  }
  return answers;
}

const problemHeaders = {
  401: { 'WWW-Authenticate': { type: 'string', description: 'The scheme: Bearer.' } },
  503: { 'Retry-After': { type: 'string', description: 'Seconds to wait.' } },
} as const;

function withHeaders(
  answers: z.output<typeof Answers>,
  config: FastifyContextConfig,
): z.output<typeof Answers> {
  const documented: Record<string, unknown> = { ...problemHeaders, ...config.answerHeaders };
  const answered = Object.entries(answers).map(([status, answer]) => {
    const headers = documented[status];
    return [status, headers === undefined ? answer : { ...answer, headers }];
  });
  return Object.fromEntries(answered);
}
