import { type Check, defineCheck } from '../check.ts';
import type { Judgement } from '../finding.ts';
import { bounded, error, orPass, pass, unknown, warn } from '../judgement.ts';
import type { Right, Subject } from '../snapshot.ts';

const group = 'networking.istio.io';
type Wanted = Pick<Right, 'verb' | 'namespace' | 'name'>;

/** Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access */
export const rightsGiven: Check = defineCheck({
  id: 'PF-GO-03',
  title: 'canaryd may patch the VirtualServices, and read what its checks need',
  family: 'ownership',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['rights'],
  judge: ({ rights }, subject) => {
    const wanted = subject.virtualServices.flatMap(({ namespace, name }) =>
      ['get', 'patch'].map((verb) => ({ verb, namespace, name })),
    );
    const judged = wanted.flatMap((one) => judgeWanted(one, rights));
    const failures = judged.filter((one) => one.result === 'fail');
    const unasked = judged.filter((one) => one.result === 'unknown');
    const others = rights.filter((right) => !right.allowed && !isWanted(right, wanted));
    const denied = [...failures, ...others.map(unreadable)];
    const names = subject.virtualServices.map(({ namespace, name }) => `${namespace}/${name}`).join(', ');
    const read = `get and patch of ${names}, and ${rights.length} rights asked for in all`;
    return orPass([...bounded(denied), ...unasked], `allowed: ${read}`);
  },
});

function judgeWanted(wanted: Wanted, rights: readonly Right[]): Judgement[] {
  const answers = rights.filter((right) => isFor(right, wanted));
  if (answers.some(({ allowed }) => allowed)) return [];
  const { verb, namespace, name } = wanted;
  const ask = `kubectl auth can-i ${verb} virtualservices.${group}/${name} -n ${namespace} --as=<canaryd's user>`;
  if (answers.length === 0) {
    return [unknown(`whether canaryd may ${verb} ${namespace}/${name} was not asked`, ask)];
  }
  const means =
    verb === 'patch'
      ? 'canaryd can write no weight: the rollout cannot start and, worse, one that runs cannot go back'
      : 'canaryd cannot see the weights, so that it neither starts nor knows what to go back to';
  return [
    error({
      read: `canaryd may not ${verb} virtualservices (${group}) ${namespace}/${name}`,
      means,
      mend: `add the verb ${verb} on virtualservices (${group}) to canaryd's Role in ${namespace}; a right of an aggregated role takes some seconds to hold, so ask again before you look further: ${ask}`,
      object: { kind: 'VirtualService', namespace, name },
    }),
  ];
}

/** An empty name or namespace stands for all of them; refused for all, one may still be allowed. */
function isFor(right: Right, { verb, namespace, name }: Wanted): boolean {
  const isAll = right.allowed && (right.name === '' || right.name === name);
  return (
    right.verb === verb &&
    right.group === group &&
    right.resource === 'virtualservices' &&
    (right.namespace === namespace || (right.allowed && right.namespace === '')) &&
    (isAll || right.name === name)
  );
}

function isWanted(right: Right, wanted: readonly Wanted[]): boolean {
  return wanted.some((one) => isFor(right, one));
}

function unreadable({ verb, group: of, resource, namespace, name }: Right) {
  const where = namespace === '' ? 'in all namespaces' : `in ${namespace}`;
  const what = `${resource}${of === '' ? '' : ` (${of})`}${name === '' ? '' : ` ${name}`}`;
  const scope = namespace === '' ? '-A' : `-n ${namespace}`;
  return warn({
    read: `canaryd may not ${verb} ${what} ${where}`,
    means: 'the checks that need it say "unknown", which proves nothing about this rollout',
    mend: `add ${verb} on ${resource} to canaryd's read Role ${where}: kubectl auth can-i ${verb} ${resource}${of === '' ? '' : `.${of}`} ${scope} --as=<canaryd's user>`,
  });
}

/** canaryd speaks the newest of these that it finds. */
const spoken = ['v1', 'v1beta1', 'v1alpha3'];

/** Source: https://istio.io/latest/blog/2024/v1-apis/ */
export const versionServed: Check = defineCheck({
  id: 'PF-GO-04',
  title: 'The cluster serves a version of networking.istio.io that canaryd speaks',
  family: 'ownership',
  priority: 'P0',
  codes: [],
  again: false,
  severity: 'error',
  needs: ['servedVersions'],
  judge: ({ servedVersions }, subject) => {
    const used = spoken.find((version) => servedVersions.includes(version));
    if (used !== undefined) return [pass(`${group}/${used} is used, of ${servedVersions.join(', ')}`)];
    return [notServed(servedVersions, subject)];
  },
});

function notServed(versions: readonly string[], { cluster }: Subject): Judgement {
  const found =
    versions.length === 0 ? `does not serve ${group} at all` : `serves ${versions.join(', ')} of ${group}`;
  return error({
    read: `the cluster ${cluster} ${found}; canaryd speaks ${spoken.join(', ')}`,
    means: 'there is no VirtualService that canaryd could read or write: no weight can be moved',
    mend: `install Istio's custom resources, or name the cluster where they are: kubectl api-versions | grep ${group}`,
  });
}
