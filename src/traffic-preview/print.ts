import { stringify } from 'yaml';
import { managedName, managedPrefix } from '../rollout/managed-route.ts';
import { routesIn } from '../rollout/route-steps.ts';
import { nameOf } from '../traffic/virtual-service.ts';
import type { TrafficPreviewOptions } from './options.ts';
import { idForShow, type ObjectPreview, type ShownRoute } from './preview-object.ts';
import type { Made } from './preview-target.ts';

/** What goes to the standard output: the objects as they would stand, the patch, or all of it as JSON. */
export function printed(
  { output, weight }: Pick<TrafficPreviewOptions, 'output' | 'weight'>,
  objects: Made['objects'],
): string {
  const [first, ...also] = objects;
  switch (output) {
    case 'yaml':
      return objects.map(({ object }) => yamlOf(object)).join('---\n');
    case 'patch':
      return `${JSON.stringify(first.patch, null, 2)}\n`;
    case 'json':
      return `${JSON.stringify({ weight, ...partsOf(first), also: also.map(partsOf) }, null, 2)}\n`;
  }
}

/** What goes to people: the shares before and after, and what nobody looked at. */
export function notesOn({ objects, absent, plan }: Made): string[] {
  const [first] = objects;
  return [
    ...objects.flatMap((one) => one.shares.map((route) => sharesIn(one, route))),
    ...objects.flatMap(takenAwayFrom),
    ...planNotes(plan),
    ...absent.map((name) => `Not looked at: ${name}, which the target moves too: it is not in the file.`),
    'Not checked here: whether services, subsets and pods exist, and what the API server and its webhooks say. The dry run of a rollout does: canaryd plan preview.',
    `In the annotations ${idForShow} stands for the id of the rollout: this is for reading, not for kubectl apply.`,
    ...(first.hasVersion
      ? []
      : ['The file has no resourceVersion: the patch that is sent begins with the one that was read.']),
  ];
}

function takenAwayFrom({ namespace, virtualService, takenAway }: ObjectPreview): string[] {
  if (takenAway.length === 0) return [];
  const names = takenAway.join(', ');
  return [
    `${namespace}/${virtualService}: taken away: ${names}. Routes whose names begin with ${managedPrefix} are canaryd's own, and only those of the plan stand there.`,
  ];
}

function planNotes(plan: Made['plan']): string[] {
  if (plan === null) return [];
  if (typeof plan === 'string') {
    return ['Not looked at: the plan, which is kept by canaryd. The dry run of a rollout reads it.'];
  }
  const names = [...new Set(routesIn(plan.steps).map(managedName))].join(', ');
  return names === '' ? [] : [`Not shown: the managed routes of the plan (${names}). They can be put there.`];
}

/** Old readers of YAML take `on` and `no` for truth values: such texts are quoted for them, too. */
function yamlOf(object: unknown): string {
  return stringify(object, { lineWidth: 0, version: '1.1', aliasDuplicateObjects: false });
}

function partsOf({ shares, patch, object }: ObjectPreview) {
  return { shares, patch, object };
}

function sharesIn(
  { namespace, virtualService }: ObjectPreview,
  { route, path, destinations }: ShownRoute,
): string {
  const moved = destinations.map((one) => {
    const { before, after } = one;
    const name = nameOf(one, destinations);
    return before.share === after.share
      ? `${name} ${before.share} %`
      : `${name} ${before.share} % -> ${after.share} %`;
  });
  return `${namespace}/${virtualService}, ${route || path}: ${moved.join(', ')}`;
}
