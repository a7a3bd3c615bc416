import type { z } from 'zod';
import { whyNotStarted } from '../rollout/forecast-warnings.ts';
import type { PlanService } from '../rollout/plans.ts';
import type { Preflight } from '../rollout/preflight.ts';
import type { RolloutService } from '../rollout/service.ts';
import type { TargetRequest } from '../rollout/target.ts';
import { actorOf } from './authenticate.ts';
import { askingProblems, createExample } from './create.ts';
import { negotiate } from './negotiate.ts';
import { PreflightOnWire } from './readiness-wire.ts';
import { planProblem, startAtProblem, takenProblem, targetProblem } from './refusals.ts';
import { renderReadiness } from './render-readiness.ts';
import { renderTarget, renderVersions } from './render-roles.ts';
import { choosePlan, RolloutBody } from './rollout-body.ts';
import { type ApiServer, json } from './route.ts';

const schema = {
  operationId: 'runPreflight',
  summary: 'Check the mesh around a target',
  description:
    'Runs all readiness checks for a rollout as if it began now, and writes nothing. Takes the body of a rollout.',
  tags: ['rollouts'],
  body: RolloutBody,
  response: { 200: json('What was found.', PreflightOnWire) },
};

/** `POST /v1/preflights`. */
export function preflightRoute(app: ApiServer, service: RolloutService, plans: PlanService): void {
  app.route({
    method: 'POST',
    url: '/v1/preflights',
    config: { problems: askingProblems, takesYaml: true, bodyExample: createExample },
    schema,
    handler: async (request, reply) => {
      negotiate(request.headers.accept, ['application/json']);
      const { target, plan, reason = null } = request.body;
      const asked = { target, ...(await choosePlan(plans, plan)), reason };
      return reply.code(200).send(renderPreflight(await service.preflight(asked, actorOf(request)), target));
    },
  });
}

function renderPreflight(found: Preflight, target: TargetRequest): z.output<typeof PreflightOnWire> {
  switch (found.kind) {
    case 'preflight':
      return {
        ready: found.obstacle === null,
        why: found.obstacle === null ? null : whyNotStarted(found.obstacle),
        target: renderTarget(found.rollout),
        versions: renderVersions(found.rollout),
        readiness: renderReadiness(found.report),
      };
    case 'taken':
      throw takenProblem(found.by);
    case 'startAtOutside':
      throw startAtProblem(found);
    case 'planUnfit':
      throw planProblem(found.faults);
    case 'clusterUnknown':
    case 'targetMissing':
    case 'targetShape':
    case 'meshUnavailable':
      throw targetProblem(found, target);
  }
}
