/** What the file is made of; names are as the mesh has them. */
export type RolloutFacts = {
  cluster: string;
  namespace: string;
  virtualService: string;
  /** Null for the single route that has no name. */
  route: string | null;
  stable: string;
  canary: string;
  /** How the canary is selected; null when there is only one that it can be. */
  selection: { subset: string } | { host: string } | null;
};

/**
 * A rollout to start with, as YAML that `POST /v1/rollouts` takes as it is. Every name is quoted, because some names
 * are numbers or words of YAML.
 */
export function rolloutFile(facts: RolloutFacts, file: string): string {
  return [...heading(facts, file), '', ...target(facts), '', ...plan].map((line) => `${line}\n`).join('');
}

/** Quoted, in one line: JSON's strings are YAML's, too. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/[\u007f-\u009f\u2028\u2029\ufeff]/g, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function heading({ namespace, virtualService, stable, canary }: RolloutFacts, file: string): string[] {
  const shown = /^[\w./-]+$/.test(file) ? file : 'rollout.yaml';
  return [
    `# A rollout for the VirtualService ${quoted(`${namespace}/${virtualService}`)}.`,
    `# When this was written all traffic went to ${quoted(stable)}, none to ${quoted(canary)}.`,
    '#',
    '# See what it would do, without touching anything:',
    '#   curl -sS "$CANARYD_URL/v1/rollouts?dryRun=all" \\',
    '#     -H "Authorization: Bearer $CANARYD_TOKEN" \\',
    `#     -H 'Content-Type: application/yaml' --data-binary @${shown}`,
    '# Start it: the same without ?dryRun=all.',
  ];
}

function target({ cluster, namespace, virtualService, route, selection }: RolloutFacts): string[] {
  return [
    '# Where: the route whose weights are moved. Nothing else in it is touched.',
    'target:',
    `  cluster: ${quoted(cluster)}`,
    `  namespace: ${quoted(namespace)}`,
    `  virtualService: ${quoted(virtualService)}`,
    ...(route === null ? [] : [`  route: ${quoted(route)}`]),
    ...(selection === null
      ? []
      : ['  # Which of the destinations without traffic is the canary.', ...chosen(selection)]),
  ];
}

function chosen(selection: { subset: string } | { host: string }): string[] {
  const line =
    'subset' in selection ? `subset: ${quoted(selection.subset)}` : `host: ${quoted(selection.host)}`;
  return ['  canary:', `    ${line}`];
}

const plan = [
  '# How: durations are seconds (90) or text ("5m"), ratios 0.01 or "1%".',
  'plan:',
  '  # Who decides: "sequential" compares canary and stable at every poll and goes',
  '  # back once it is sure; "threshold" compares each measurement with its limit.',
  '  judge: sequential',
  '  # Measured so often, in every step and in every pause.',
  '  interval: 10s',
  '  # Not finished by then: all traffic goes back to stable.',
  '  deadline: 2h',
  '  # Limits: a canary over one goes back at any time, unless stable is, too.',
  '  checks:',
  '    errors:',
  '      # Answers with a 5xx status, as a part of all answers of the canary.',
  '      metric: errorRate',
  '      max: 1%',
  '      # Each measurement looks back so far. For "threshold" alone: ...',
  '      window: 60s',
  '      # ... so many failing ones in a row roll back, and ...',
  '      failures: 2',
  '      # ... below so many requests in the window nothing is judged.',
  '      minRequests: 100',
  '    p99:',
  '      # 99 of 100 requests are answered within so many milliseconds.',
  '      metric: p99LatencyMs',
  '      max: 2000',
  '      window: 60s',
  '      failures: 2',
  '      minRequests: 100',
  '  steps:',
  '    # The share of the canary in percent, and how long it is watched. With',
  '    # "early: true" a bake is over as soon as the canary is proven healthy.',
  '    - type: setWeight',
  '      weight: 5',
  '    - type: bake',
  '      duration: 5m',
  '    - type: setWeight',
  '      weight: 25',
  '    - type: bake',
  '      duration: 10m',
  '    - type: setWeight',
  '      weight: 50',
  '    - type: bake',
  '      duration: 10m',
  '    # 100 %, watched before the rollout ends; a breach still goes back.',
  '    - type: promote',
  '      bake: 10m',
];
