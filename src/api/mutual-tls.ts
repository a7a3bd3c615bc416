import type { z } from 'zod';
import type { MutualTlsAnswer } from '../rollout/checklist.ts';
import type { RolloutService } from '../rollout/service.ts';
import { MutualTlsOnWire } from './mutual-tls-wire.ts';
import { negotiate } from './negotiate.ts';
import { renderTarget, renderVersions } from './render-roles.ts';
import { type ApiServer, json } from './route.ts';
import { questionIn, questionProblem, questionProblems, RolesQuery, TargetPath } from './target-question.ts';
import { pathOf } from './targets.ts';
import { timestamp } from './wire-parts.ts';

type Wire = z.output<typeof MutualTlsOnWire>;
type Found = Extract<MutualTlsAnswer, { kind: 'mutualTls' }>;
type Picture = Found['picture'];

const schema = {
  operationId: 'getMutualTls',
  summary: 'Mutual TLS around a target, now',
  description:
    'The effective mode of both versions with the object that decides it, the share of plaintext requests by source, and how long the certificates of the proxies last.',
  tags: ['targets'],
  params: TargetPath,
  querystring: RolesQuery,
  response: { 200: json('The picture; what could not be read says so.', MutualTlsOnWire) },
};

/** `GET /v1/targets/{cluster}/{namespace}/{virtualService}/mtls`. */
export function mutualTlsRoute(app: ApiServer, service: RolloutService): void {
  app.route({
    method: 'GET',
    url: '/v1/targets/:cluster/:namespace/:virtualService/mtls',
    config: { problems: questionProblems },
    schema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      const answer = await service.mutualTls(questionIn(request.params, request.query));
      if (answer.kind === 'mutualTls') return renderMutualTls(request.params, answer);
      throw questionProblem(answer, request.params);
    },
  });
}

function renderMutualTls(place: z.output<typeof TargetPath>, { at, rollout, live, picture }: Found): Wire {
  const target = pathOf(place);
  const { modes, plaintext, certificates } = picture;
  return {
    ...place,
    checkedAt: timestamp(at),
    target: renderTarget(rollout),
    versions: renderVersions(rollout),
    liveRollout: live,
    modes: { stable: part(modes.stable, renderModes), canary: part(modes.canary, renderModes) },
    plaintext: part(plaintext, ({ ratio, sources }) => ({ ratio, sources: [...sources] })),
    certificates: part(certificates, ({ ttl, pods }) => ({ ttlSeconds: ttl, pods: [...pods] })),
    links: { self: `${target}/mtls`, target, checklist: `${target}/checklist` },
  };
}

type Known<Value> = { kind: 'known'; value: Value } | { kind: 'unknown'; why: string; mend: string };

function part<Value, Shown>(found: Known<Value>, render: (value: Value) => Shown) {
  if (found.kind === 'known') return { known: true, why: null, mend: null, value: render(found.value) };
  return { known: false, why: found.why, mend: found.mend, value: null };
}

type Modes = Extract<Picture['modes']['stable'], { kind: 'known' }>['value'];

function renderModes(modes: Modes) {
  return modes.map(({ labels, ports, ...mode }) => ({ ...mode, labels: { ...labels }, ports: [...ports] }));
}
