import { valueAt } from '../known-names.ts';
import { type Assignment, assignmentsIn, type Environment, isOfCluster, variableOf } from './environment.ts';
import type { ConfigFile } from './file.ts';
import type { Path } from './settings.ts';
import { pathText, type Tree, withValue } from './tree.ts';

/** All that was written, as one tree in the form of a file, and who wrote what. */
export type Written = {
  tree: unknown;
  /** What to call the setting at a path: its variable, or its key with the line in the file. */
  nameOf(path: Path): string;
  /** The text at a path; null when there is none. */
  textAt(path: Path): string | null;
  /** Paths of files are relative to the configuration file that names them. */
  fileAt(path: Path, to: string): string;
};

export type Gathered = { written: Written; faults: string[] };

/**
 * Lays the environment over the file, setting by setting, and the command line over both. The clusters come from one
 * place: the variables of a cluster are refused when the file lists clusters.
 */
export function gather(environment: Environment, role: string | null, file: ConfigFile | null): Gathered {
  const listed = file?.tree['clusters'] !== undefined;
  const all = assignmentsIn(environment);
  const refused = listed ? all.filter(isOfCluster) : [];
  const taken = [...all.filter((one) => !refused.includes(one)), ...roleFrom(role)];
  const whole = listed ? taken : [...onlyCluster(taken, file), ...taken];
  const tree = whole.reduce<unknown>(
    (made, { path, value }) => withValue(made, path, value),
    withoutOverruled(file?.tree ?? {}, environment),
  );
  const names = new Map(taken.map(({ name, path }) => [keyOf(path), name]));
  const written: Written = {
    tree,
    nameOf: (path) => names.get(keyOf(path)) ?? nameInFile(path, file, listed),
    textAt: (path) => textOf(valueAt(tree, path)),
    fileAt: (path, to) => (names.has(keyOf(path)) || file === null ? to : file.resolve(to)),
  };
  const passwordRefused =
    listed && environment['CANARYD_PROMETHEUS_PASSWORD'] ? ['CANARYD_PROMETHEUS_PASSWORD'] : [];
  const faults = [...refused.map(({ name }) => name), ...passwordRefused].map(
    (name) =>
      `${name}: the clusters are listed in the file: take the variable away, or \`clusters\` out of the file`,
  );
  return { written, faults };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function keyOf(path: Path): string {
  return JSON.stringify(path);
}

function roleFrom(role: string | null): Assignment[] {
  return role === null ? [] : [{ name: '--role', path: ['role'], value: role }];
}

/** The cluster that variables describe; a file without clusters and no such variable leaves it out. */
function onlyCluster(taken: Assignment[], file: ConfigFile | null): Assignment[] {
  if (file !== null && !taken.some(isOfCluster)) return [];
  const paths = taken.map(({ path }) => keyOf(path));
  const named = { name: 'clusters', path: ['clusters', 0, 'name'], value: 'default' };
  const prometheus = { name: 'clusters', path: ['clusters', 0, 'prometheus'], value: {} };
  const inCluster = { name: 'clusters', path: ['clusters', 0, 'inCluster'], value: true };
  return paths.includes(keyOf(['clusters', 0, 'kubeconfig']))
    ? [named, prometheus]
    : [named, prometheus, inCluster];
}

/** What the environment says in another form than the file. */
function withoutOverruled(tree: Tree, environment: Environment): Tree {
  const overruled = [
    ...(environment['DATABASE_URL'] ? ['databaseUrlFile'] : []),
    ...(environment['REDIS_URL'] ? ['redisUrlFile'] : []),
    ...(environment['CANARYD_TOKENS'] ? ['tokensFile'] : []),
  ];
  return Object.fromEntries(Object.entries(tree).filter(([key]) => !overruled.includes(key)));
}

function nameInFile(path: Path, file: ConfigFile | null, listed: boolean): string {
  if (file === null || (path[0] === 'clusters' && path.length > 1 && !listed))
    return variableOf(path) ?? pathText(path);
  const line = file.lineOf(path);
  return line === null ? pathText(path) : `${pathText(path)} (line ${line})`;
}
