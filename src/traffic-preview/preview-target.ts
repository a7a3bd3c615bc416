import type { WrittenPlan } from '../rollout/plan.ts';
import { routesIn } from '../rollout/route-steps.ts';
import type { TargetRequest } from '../rollout/target.ts';
import { chooseObject, qualified } from '../traffic/choose-object.ts';
import { managedStartFault } from '../traffic/managed-start.ts';
import { isMisshapen, type Misshapen } from '../traffic/virtual-service.ts';
import { type File, type GivenObject, targetIn, type Unfit, virtualServicesIn } from './documents.ts';
import type { TrafficPreviewOptions } from './options.ts';
import { type ObjectPreview, previewObject } from './preview-object.ts';

export type Made = {
  kind: 'made';
  objects: [ObjectPreview, ...ObjectPreview[]];
  /** Objects of the target that the file does not hold. */
  absent: string[];
  /** The plan beside the target, whose managed routes are not shown. */
  plan: WrittenPlan | string | null;
};

/** Why nothing would be written, with the path and the mend. */
export type Refusal = { code: string; path: string; message: string };

type Asked = Pick<TrafficPreviewOptions, 'weight' | 'clusterDomain'>;
type Refused = { kind: 'refused'; refusal: Refusal };

/** What one write to `weight` would make of all objects of a target that the file holds, in the order of the target. */
export function previewTarget(asked: Asked, files: { target: File; virtualService: File }): Made | Refused {
  const target = targetIn(files.target);
  if (target.kind === 'unfit') return unfit(target);
  const { namespace, virtualService, also = [] } = target.target;
  const given = virtualServicesIn(files.virtualService, namespace);
  if (!Array.isArray(given)) return unfit(given);
  const first = objectNamed(given, namespace, virtualService);
  if (first === null) return notThere(target.target, given, files.virtualService.file);
  const { clusterDomain } = asked;
  const chosen = chooseObject(
    first.virtualService,
    target.target,
    qualified(target.target, clusterDomain),
    clusterDomain,
  );
  if (isMisshapen(chosen)) return misshapen(chosen, null);
  const shown = previewObject(first, chosen, asked.weight, clusterDomain);
  if (isMisshapen(shown)) return misshapen(shown, null);
  const others = also.map(({ namespace: own = namespace, ...routes }) => {
    const name = `${own}/${routes.virtualService}`;
    const other = objectNamed(given, own, routes.virtualService);
    return other === null ? name : previewOther(asked, { other, name, routes, roles: chosen.roles });
  });
  return withPlan(gathered(shown, others), target.plan);
}

/** Refused is what a start would refuse, too: a managed route of the plan that cannot be put there. */
function withPlan(made: Omit<Made, 'plan'> | Refused, plan: Made['plan']): Made | Refused {
  if (made.kind === 'refused') return made;
  const wanted = plan === null || typeof plan === 'string' ? [] : routesIn(plan.steps);
  const fault = managedStartFault(
    made.objects.map(({ found }) => found),
    wanted,
  );
  return fault === null ? { ...made, plan } : misshapen(fault, null);
}

type Other = {
  other: GivenObject;
  name: string;
  routes: Parameters<typeof chooseObject>[1];
  roles: Parameters<typeof chooseObject>[2];
};

function previewOther(
  { weight, clusterDomain }: Asked,
  { other, name, routes, roles }: Other,
): ObjectPreview | Refused {
  const chosen = chooseObject(other.virtualService, routes, roles, clusterDomain);
  if (isMisshapen(chosen)) return misshapen(chosen, name);
  const made = previewObject(other, chosen, weight, clusterDomain);
  return isMisshapen(made) ? misshapen(made, name) : made;
}

/** A text is the name of an object that the file does not hold. */
function gathered(
  first: ObjectPreview,
  others: (ObjectPreview | Refused | string)[],
): Omit<Made, 'plan'> | Refused {
  const objects: Made['objects'] = [first];
  const absent: string[] = [];
  for (const one of others) {
    if (typeof one === 'string') absent.push(one);
    else if (one.kind === 'refused') return one;
    else objects.push(one);
  }
  return { kind: 'made', objects, absent };
}

function objectNamed(given: GivenObject[], namespace: string, name: string): GivenObject | null {
  return given.find((one) => one.namespace === namespace && one.name === name) ?? null;
}

function notThere({ namespace, virtualService }: TargetRequest, given: GivenObject[], file: string) {
  const there = given.map(({ namespace: own, name }) => `${own}/${name}`).join(', ');
  const message = `the target is ${namespace}/${virtualService}, and ${file} holds ${there}: correct one of them`;
  return refused({ code: 'target-not-found', path: 'metadata', message });
}

function unfit({ path, message }: Unfit) {
  return refused({ code: 'unreadable', path, message });
}

function misshapen({ fault }: Misshapen, object: string | null) {
  const message = object === null ? fault.message : `VirtualService ${object}: ${fault.message}`;
  return refused({ ...fault, message });
}

function refused(refusal: Refusal): Refused {
  return { kind: 'refused', refusal };
}
