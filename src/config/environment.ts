import { nearest } from '../known-names.ts';
import { furtherVariables, type Path, variables } from './settings.ts';

export type Environment = Record<string, string | undefined>;

/** One setting that a variable, or the command line, makes. */
export type Assignment = { name: string; path: Path; value: unknown };

/** The settings that the environment makes. A variable that is empty counts as not set. */
export function assignmentsIn(environment: Environment): Assignment[] {
  return Object.entries(variables).flatMap(([name, path]) => {
    const text = environment[name];
    return text === undefined || text === '' ? [] : [{ name, path, value: readValue(name, text) }];
  });
}

/** True for a setting of the only cluster. */
export function isOfCluster({ path }: Pick<Assignment, 'path'>): boolean {
  return path[0] === 'clusters';
}

/** The variable of a setting, or null when it can be set in a file only. */
export function variableOf(path: Path): string | null {
  const text = JSON.stringify(path);
  const found = Object.entries(variables).find(([, of]) => JSON.stringify(of) === text);
  return found?.[0] ?? null;
}

/**
 * Variables that are set and are most likely misspelled settings. Others that begin with CANARYD_ are left alone:
 * Kubernetes makes some for a service called canaryd, and the command line client has its own.
 */
export function misspelledIn(environment: Environment): { name: string; meant: string }[] {
  const known: string[] = [...Object.keys(variables), ...furtherVariables];
  return Object.keys(environment).flatMap((name) => {
    if (!name.startsWith('CANARYD_') || known.includes(name) || foreign.test(name)) return [];
    const meant = nearest(name, known);
    return meant === null ? [] : [{ name, meant }];
  });
}

const foreign = /^CANARYD_(?:SERVICE_|PORT|TOKEN$|URL$)/;

const numeric = [
  'CANARYD_WORKERS',
  'CANARYD_RETENTION_MEASUREMENT_DAYS',
  'CANARYD_RETENTION_AUDIT_MONTHS',
  'CANARYD_SCRAPE_SECONDS',
];

/** Numbers are text in an environment; text that is none is left for the schema to refuse. */
function readValue(name: string, text: string): unknown {
  return numeric.includes(name) && /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}
