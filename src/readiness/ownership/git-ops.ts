import { type Check, defineCheck } from '../check.ts';
import type { CheckFacts, Judgement } from '../finding.ts';
import { bounded, error, orPass, refTo, unknown, warn } from '../judgement.ts';
import type { GitOpsApplication, VirtualService } from '../objects.ts';
import { nameOf } from '../select.ts';
import type { Snapshot, Subject } from '../snapshot.ts';
import { destinationOf, judgeMoved, type Moved } from '../virtual-service/moved.ts';
import { applicationNotRead, judgeSeveral, namesOf, ownersOf } from './applications.ts';
import { ignoresWeights } from './ignored-weights.ts';
import { type Tool, toolsOf } from './marks.ts';

const facts = {
  id: 'PF-GO-01',
  title: 'No GitOps controller will undo the weights',
  family: 'ownership',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
} as const satisfies CheckFacts;

const withApplications = defineCheck({
  ...facts,
  needs: ['movedVirtualServices', 'gitOpsApplications'],
  judge: ({ movedVirtualServices, gitOpsApplications }, subject) =>
    judgeTools(movedVirtualServices, gitOpsApplications, subject),
});

const withoutApplications = defineCheck({
  ...facts,
  needs: ['movedVirtualServices'],
  judge: ({ movedVirtualServices }, subject) => judgeTools(movedVirtualServices, [], subject),
});

/**
 * Argo CD leaves a mark on all that it manages, so that its Applications are needed only where one stands.
 * Sources: https://argo-cd.readthedocs.io/en/stable/user-guide/auto_sync/ and
 * https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#respect-ignore-difference-configs
 */
export const nothingUndoes: Check = {
  ...facts,
  needs: withApplications.needs,
  run: (snapshot) => (mayBeArgoCd(snapshot) ? withApplications : withoutApplications).run(snapshot),
};

/** `app.kubernetes.io/instance` proves nothing alone, but older ways of Argo CD mark by it. */
function mayBeArgoCd({ movedVirtualServices, gitOpsApplications }: Snapshot): boolean {
  if (movedVirtualServices.kind !== 'read' || gitOpsApplications.kind === 'read') return true;
  return movedVirtualServices.value.some(
    (object) =>
      object.metadata.labels?.['app.kubernetes.io/instance'] !== undefined ||
      toolsOf(object).some(({ kind }) => kind === 'argoCd'),
  );
}

function judgeTools(
  objects: readonly VirtualService[],
  applications: readonly GitOpsApplication[],
  subject: Subject,
): Judgement[] {
  return judgeMoved(objects, subject, (moved) => {
    const own = [...new Set(moved.map(({ object }) => object))];
    const judged = own.flatMap((object) => {
      const routes = moved.filter((one) => one.object === object);
      return judgeObject(object, routes, { applications, subject });
    });
    const failures = judged.filter((one) => one.result === 'fail');
    const others = judged.filter((one) => one.result === 'unknown');
    const words = own.map((object) => leftAlone(object, applications));
    return orPass([...bounded(failures), ...others], words.join('; '));
  });
}

function leftAlone(object: VirtualService, applications: readonly GitOpsApplication[]): string {
  const release = object.metadata.annotations?.['meta.helm.sh/release-name'];
  const owners = ownersOf(object, namedBy(object), applications);
  const name = nameOf(object.metadata);
  if (owners.kind === 'one')
    return `${name}: the Application ${nameOf(owners.application.metadata)} ignores its weights`;
  if (owners.kind === 'several')
    return `${name}: the Applications ${namesOf(owners.applications)} ignore its weights`;
  if (release !== undefined)
    return `${name}: of the Helm release ${release}, which writes when somebody upgrades it only`;
  return `${name} bears no mark of a tool that brings objects back to Git`;
}

function namedBy(object: VirtualService): string | null {
  const argo = toolsOf(object).find(({ kind }) => kind === 'argoCd');
  return argo?.kind === 'argoCd' ? argo.application : null;
}

function judgeObject(
  object: VirtualService,
  routes: readonly Moved[],
  { applications, subject }: { applications: readonly GitOpsApplication[]; subject: Subject },
): Judgement[] {
  const tools = toolsOf(object);
  const others = tools.flatMap((tool) => judgeTool(object, tool));
  const owners = ownersOf(object, namedBy(object), applications);
  const judge = (one: GitOpsApplication) => judgeApplication(object, one, { routes, subject });
  switch (owners.kind) {
    case 'one':
      return [...judge(owners.application), ...others];
    case 'several':
      return [...judgeSeveral(object, owners, judge), ...others];
    case 'notRead':
    case 'none': {
      const argo = tools.find(({ kind }) => kind === 'argoCd');
      return argo === undefined ? others : [applicationNotRead(object, argo.mark, owners), ...others];
    }
  }
}

function judgeApplication(
  object: VirtualService,
  { metadata, spec }: GitOpsApplication,
  { routes, subject }: { routes: readonly Moved[]; subject: Subject },
): Judgement[] {
  const ignores = ignoresWeights(spec.ignoreDifferences ?? [], object.metadata, weightsOf(routes, subject));
  const respects = spec.syncPolicy?.syncOptions?.includes('RespectIgnoreDifferences=true') === true;
  if (ignores === true && respects) return [];
  const automated = spec.syncPolicy?.automated;
  const heals = automated?.selfHeal === true && automated.enabled !== false;
  const name = nameOf(metadata);
  const called = `${nameOf(object.metadata)} belongs to the Application ${name} of Argo CD`;
  const look = `kubectl -n ${metadata.namespace} get applications.argoproj.io ${metadata.name} -o jsonpath='{.spec.ignoreDifferences}'`;
  if (ignores === 'unsure') {
    return [
      unknown(
        `${called}, whose ignoreDifferences canaryd does not understand`,
        `write the jqPathExpression .spec.http[].route[].weight there for kind VirtualService, or look whether they cover it: ${look}`,
      ),
    ];
  }
  const mend = `in the Application ${name} add ignoreDifferences for group networking.istio.io, kind VirtualService with jqPathExpressions [".spec.http[].route[].weight"], and the syncOption RespectIgnoreDifferences=true: kubectl -n ${metadata.namespace} edit applications.argoproj.io ${metadata.name}`;
  const common = { mend, object: refTo('VirtualService', object.metadata), path: 'spec.http' };
  if (ignores === true) {
    const read = `${called}, which ignores the weights when it compares, and not when it syncs: RespectIgnoreDifferences=true is not among its syncOptions`;
    const means =
      'the next sync of anything in this Application, such as a new image, writes the weights of Git in the middle of the rollout';
    return [warn({ ...common, read, means })];
  }
  if (!heals) {
    const read = `${called}, which does not ignore its weights; selfHeal is off`;
    const means = 'a sync, by hand or after a commit, writes the weights of Git in the middle of the rollout';
    return [warn({ ...common, read, means })];
  }
  return [
    error({
      ...common,
      read: `${called}, which heals itself (syncPolicy.automated.selfHeal: true) and does not ignore its weights`,
      means: `each weight that canaryd writes is undone within seconds: no step holds, and ${subject.canary.version} is never tried`,
    }),
  ];
}

/** The paths of the weights of both arms. */
function weightsOf(routes: readonly Moved[], subject: Subject): (string | number)[][] {
  return routes.flatMap((moved) =>
    [subject.stable, subject.canary].flatMap((arm) => {
      const found = destinationOf(moved, arm);
      return found === null ? [] : [['spec', moved.key.kind, moved.index, 'route', found.index, 'weight']];
    }),
  );
}

function judgeTool(object: VirtualService, tool: Tool): Judgement[] {
  if (tool.kind === 'argoCd') return [];
  const common = { mend: tool.mend, object: refTo('VirtualService', object.metadata), path: 'spec.http' };
  const name = nameOf(object.metadata);
  if (tool.kind === 'heals') {
    const means =
      'it brings back what Git says each time that it looks: weights go back in the middle of the rollout, and no step holds';
    return [error({ ...common, read: `${name} belongs to ${tool.tool}: ${tool.mark}`, means })];
  }
  const means = 'where it corrects drift, it brings the weights back in the middle of the rollout';
  return [warn({ ...common, read: `${name} belongs to ${tool.tool}: ${tool.mark}`, means })];
}
