/** What can be taken out of a run, one at a time; each has to be missed. */
export const protections = ['fence', 'resource-version', 'closing-write', 'sweep'] as const;
export type Protection = (typeof protections)[number];
