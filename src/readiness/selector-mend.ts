import { type Sides, sharedLabels } from './arms.ts';
import type { Labels, Metadata } from './objects.ts';

type Selecting = {
  /** What kubectl calls the kind, such as `authorizationpolicy`. */
  resource: string;
  metadata: Pick<Metadata, 'namespace' | 'name'>;
  /** Where its labels are, such as `['spec', 'selector', 'matchLabels']`. */
  path: readonly string[];
  labels: Readonly<Labels>;
};

/** The command that makes labels select both arms, as far as one patch can. */
export function selectBoth({ resource, metadata, path, labels }: Selecting, sides: Sides): string {
  const where = `kubectl -n ${metadata.namespace ?? 'default'}`;
  const shared = sharedLabels(sides);
  const tellsApart = Object.keys(labels).filter((key) => shared[key] !== labels[key]);
  const keeps = Object.keys(labels).length > tellsApart.length;
  const added = keeps ? {} : appLabels(shared);
  if (tellsApart.length === 0 || (!keeps && Object.keys(added).length === 0)) {
    return `give ${path.join('.')} labels that both versions have: ${where} edit ${resource} ${metadata.name}`;
  }
  const change = { ...Object.fromEntries(tellsApart.map((key) => [key, null])), ...added };
  const patch = JSON.stringify(path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), change));
  return `let it select both versions: ${where} patch ${resource} ${metadata.name} --type=merge -p '${patch}'`;
}

/** A selector without labels would select the whole namespace: the name of the application keeps it narrow. */
function appLabels(shared: Labels): Labels {
  const key = ['app', 'app.kubernetes.io/name', 'service.istio.io/canonical-name'].find(
    (name) => shared[name],
  );
  const value = key === undefined ? undefined : shared[key];
  return key === undefined || value === undefined ? {} : { [key]: value };
}
