import { z } from 'zod';

/** Who last wrote a field, as the API server's field management names it. */
export const Mover = z.strictObject({
  /** The field manager, such as `kubectl-edit`: what the writer calls itself, no proof of who it is. */
  manager: z.string(),
  /** `Apply` or `Update`. */
  operation: z.string(),
  /** The API server's time, in whole seconds, as RFC 3339; null when it kept none. */
  at: z.string().nullable(),
});
export type Mover = z.infer<typeof Mover>;

/** A program that brings objects back to what Git says. */
export const GitOps = z.strictObject({
  tool: z.enum(['argoCd', 'flux', 'fluxHelm', 'configSync', 'fleet']),
  /** What the tool calls the unit that the object belongs to; null when no mark says so. */
  name: z.string().nullable(),
});
export type GitOps = z.infer<typeof GitOps>;

/** Whose hand moved something: the writer, and the GitOps tool that the object bears the marks of. */
export type Hand = { movedBy: Mover | null; gitOps: GitOps | null };

type Tool = GitOps['tool'];

const managers: Record<string, Tool> = {
  'argocd-controller': 'argoCd',
  'argocd-application-controller': 'argoCd',
  'kustomize-controller': 'flux',
  'helm-controller': 'fluxHelm',
  configsync: 'configSync',
  fleetagent: 'fleet',
};

const titles = {
  argoCd: { tool: 'Argo CD', unit: 'Argo CD application' },
  flux: { tool: 'Flux', unit: 'Flux Kustomization' },
  fluxHelm: { tool: 'Flux', unit: 'Flux HelmRelease' },
  configSync: { tool: 'Config Sync', unit: 'Config Sync' },
  fleet: { tool: 'Rancher Fleet', unit: 'Rancher Fleet bundle' },
} as const satisfies Record<Tool, { tool: string; unit: string }>;

/**
 * What makes each tool leave weights alone.
 * https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#respect-ignore-difference-configs
 * https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources
 * https://fluxcd.io/flux/components/helm/helmreleases/#ignore-rules
 */
const mends = {
  argoCd:
    'in its Application add ignoreDifferences for kind VirtualService with jqPathExpressions [".spec.http[].route[].weight"], and the syncOption RespectIgnoreDifferences=true',
  flux: 'annotate the VirtualService in Git with kustomize.toolkit.fluxcd.io/ssa: IfNotPresent',
  fluxHelm:
    'in its HelmRelease add to spec.driftDetection.ignore the path /spec/http for the kind VirtualService',
  configSync: 'annotate the VirtualService in Git with client.lifecycle.config.k8s.io/mutation: ignore',
  fleet: 'set correctDrift.enabled to false for it',
} as const satisfies Record<Tool, string>;

/** The GitOps tool that wrote it; null when the writer is another one or not known. */
export function healerIn({ movedBy, gitOps }: Hand): GitOps | null {
  const tool = movedBy === null ? undefined : managers[movedBy.manager];
  if (tool === undefined) return null;
  return gitOps?.tool === tool ? gitOps : { tool, name: null };
}

/**
 * Who moved something, as the subject of a sentence: `somebody else` when nobody knows. Field management tells who wrote
 * a list last, which is most often who moved it.
 */
export function mover(hand: Hand): string {
  const { movedBy } = hand;
  if (movedBy === null) return 'somebody else';
  const healer = healerIn(hand);
  const who = healer === null ? 'somebody else' : titled(healer);
  return `${who} (last to write the routes: field manager ${written(movedBy)})`;
}

/** `kubectl-edit at 2026-11-23 10:00:05Z`. */
export function written({ manager, at }: Mover): string {
  return at === null ? manager : `${manager} at ${at.replace('T', ' ')}`;
}

/** How a tool that heals objects is made to leave weights alone, to follow a sentence; empty when none is concerned. */
export function healing(hand: Hand): string {
  const { movedBy, gitOps } = hand;
  const healer = healerIn(hand);
  if (healer !== null)
    return `, as it brings back what Git says; so that it leaves the weights alone, ${mends[healer.tool]}`;
  if (movedBy !== null || gitOps === null) return '';
  return `; ${titled(gitOps)} manages this VirtualService and may have done it: so that it leaves the weights alone, ${mends[gitOps.tool]}`;
}

/** The same for managed routes, which stand beside those that Git knows. */
export function healingRoutes(hand: Hand): string {
  const tool = healerIn(hand) ?? hand.gitOps;
  if (tool === null) return '';
  return `; ${titled(tool)} brings back what Git says: so that it keeps managed routes it has to leave all of spec.http alone`;
}

/** Where an object gets back a form that canaryd edits: what Git says again is not to be mended by hand. */
export function reshaping(hand: Hand): string {
  const tool = healerIn(hand) ?? hand.gitOps;
  return tool === null ? 'mend it with kubectl edit' : `mend it in Git, from where ${titled(tool)} takes it`;
}

/** What somebody ought to know before the start of an object that bears a tool's marks. */
export function healingAhead(gitOps: GitOps): string {
  return `${titled(gitOps)} manages this VirtualService: if it heals what differs from Git it will move the weights back in the middle of the rollout; so that it leaves them alone, ${mends[gitOps.tool]}`;
}

function titled({ tool, name }: GitOps): string {
  return name === null ? titles[tool].tool : `${titles[tool].unit} ${name}`;
}
