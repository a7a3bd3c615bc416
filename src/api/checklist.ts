import type { z } from 'zod';
import type { ChecklistAnswer } from '../rollout/checklist.ts';
import type { RolloutService } from '../rollout/service.ts';
import { ChecklistOnWire } from './checklist-wire.ts';
import { negotiate } from './negotiate.ts';
import { renderRuling } from './render-readiness.ts';
import { renderTarget, renderVersions } from './render-roles.ts';
import { type ApiServer, json } from './route.ts';
import { questionIn, questionProblem, questionProblems, RolesQuery, TargetPath } from './target-question.ts';
import { pathOf } from './targets.ts';
import { timestamp } from './wire-parts.ts';

type Wire = z.output<typeof ChecklistOnWire>;
type Found = Extract<ChecklistAnswer, { kind: 'checklist' }>;

const schema = {
  operationId: 'getChecklist',
  summary: 'The checklist of a target, now',
  description:
    'Every readiness check of a target by priority, with its live state and the evidence. Reads the mesh and the metrics, and writes nothing.',
  tags: ['targets'],
  params: TargetPath,
  querystring: RolesQuery,
  response: { 200: json('The checklist.', ChecklistOnWire) },
};

/** `GET /v1/targets/{cluster}/{namespace}/{virtualService}/checklist`. */
export function checklistRoute(app: ApiServer, service: RolloutService): void {
  app.route({
    method: 'GET',
    url: '/v1/targets/:cluster/:namespace/:virtualService/checklist',
    config: { problems: questionProblems },
    schema,
    handler: async (request) => {
      negotiate(request.headers.accept, ['application/json']);
      const answer = await service.checklist(questionIn(request.params, request.query));
      if (answer.kind === 'checklist') return renderChecklist(request.params, answer);
      throw questionProblem(answer, request.params);
    },
  });
}

function renderChecklist(place: z.output<typeof TargetPath>, { at, rollout, live, ...found }: Found): Wire {
  const target = pathOf(place);
  return {
    ...place,
    checkedAt: timestamp(at),
    target: renderTarget(rollout),
    versions: renderVersions(rollout),
    liveRollout: live,
    limits: renderLimits(found.limits),
    priorities: found.parts.map(renderPart),
    links: { self: `${target}/checklist`, target, mtls: `${target}/mtls` },
  };
}

function renderLimits({ checks, shares, deadline, requirements }: Found['limits']): Wire['limits'] {
  const { mutualTls, defaultDeny, imageDigests } = requirements;
  return {
    checks: checks.map(({ id, metric, max, window, minRequests }) => ({
      check: id,
      metric,
      unit: metric === 'errorRate' ? 'ratio' : 'ms',
      limit: max,
      windowSeconds: window,
      minRequests,
    })),
    shares: [...shares],
    deadlineSeconds: deadline,
    mutualTls,
    defaultDeny,
    imageDigests,
  };
}

function renderPart({ priority, counts, rows }: Found['parts'][number]): Wire['priorities'][number] {
  const checks = rows.map(({ findings, codes, ...row }) => ({
    ...row,
    codes: [...codes],
    findings: findings.map(renderRuling),
  }));
  return { priority, counts, checks };
}
