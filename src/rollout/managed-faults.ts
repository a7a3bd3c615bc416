import { managedName } from './managed-route.ts';
import { matchFault } from './match-fault.ts';
import type { PlanFault } from './plan-fault.ts';
import type { Step } from './plan-parts.ts';
import { type RouteStep, routesAfter } from './route-steps.ts';

/** What is wrong with the steps of a plan that put managed routes in place or take them away. */
export function managedFaults(steps: readonly Step[]): PlanFault[] {
  return steps.flatMap((step, index) => {
    if (step.type !== 'setHeaderRoute' && step.type !== 'setMirrorRoute') return [];
    const fault = faultOf(step, steps.slice(0, index));
    const faults = fault === null ? matchFaults(step) : [{ path: [fault.field], message: fault.message }];
    return faults.map(({ path, message }) => ({
      path: ['steps', index, ...path],
      code: 'plan-inconsistent',
      message,
    }));
  });
}

function matchFaults({ match = [], name }: RouteStep): Pick<PlanFault, 'path' | 'message'>[] {
  return match.flatMap((one, index) => {
    const fault = matchFault(one);
    return fault === null
      ? []
      : [{ path: ['match', index, ...fault.path], message: `${managedName({ name })} ${fault.why}` }];
  });
}

type Fault = { field: string; message: string };

function faultOf(step: RouteStep, before: readonly Step[]): Fault | null {
  const standing = routesAfter(before).find(({ name }) => name === step.name);
  const kind = step.type === 'setHeaderRoute' ? 'header' : 'mirror';
  if (step.remove === true) return removalFault(step, standing !== undefined);
  if (step.type === 'setHeaderRoute' && step.match === undefined) {
    const example = '[{"headers": {"x-canary": {"exact": "true"}}}]';
    return {
      field: 'match',
      message: `say which requests go to the canary, such as ${example}, or write "remove": true`,
    };
  }
  const shadow = routesAfter(before).find((route) => route.match === null && route.name !== step.name);
  if (shadow !== undefined) {
    const message = `the mirror route "${shadow.name}" stands before it and takes every request: give that one a match, or put it after this one`;
    return { field: 'name', message };
  }
  if (standing !== undefined && standing.kind !== kind) {
    return {
      field: 'name',
      message: `"${step.name}" is a ${standing.kind} route by then: choose another name`,
    };
  }
  return null;
}

function removalFault({ match, name }: RouteStep, stands: boolean): Fault | null {
  if (match !== undefined)
    return { field: 'match', message: 'a route that is taken away matches nothing: take one of the two out' };
  return stands
    ? null
    : { field: 'name', message: `there is no managed route "${name}" by then that could be taken away` };
}
