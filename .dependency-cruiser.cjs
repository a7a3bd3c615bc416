// Who may import whom; ARCHITECTURE.md says why. Paths are relative to the root of the repository. Every rule has a
// file under test/project/fixtures that breaks it, and test/project/imports.test.ts expects the violation.

const adapters = '(metrics|notify|queue|store|traffic)';
const faces = '(api|cli)';
const leaves = '^src/(config/|(config|errors|gather|known-names|log|signals)[.]ts$)';
const roof =
  '^src/((command-line|main|telemetry|worker)[.]ts$|(break-glass|doctor|judge-replay|plan-limits|serve|traffic-preview)/)';

/** Files that only compute. test/project/pure.test.ts looks for hidden clocks, chance and I/O in the same files. */
const pure = [
  '^src/alert-rules/',
  '^src/analysis/',
  '^src/readiness/',
  '^src/rollout/(?!(act|advance|advance-scheduled|alert-service|checklist|draft|hear-alerts|hold-orders|inspect|look-for-orphans|make-so|plans|preflight|preview|roles-now|service|slots|sweep|take-turn|targets)[.]ts$)',
  '^src/traffic/(annotations|api-answer|apply-patch|break-glass|changed-routes|choose-object|cluster-objects|cookie-match|field-manager|find-entry|find-routes|gitops-marks|hands|host|istiod-version|last-writer|list-edits|managed-mirrors|managed-routes|managed-start|match-words|merge-facts|movable-routes|original-weights|other-routes|patch-operation|preview-changes|raw-routes|regex|request-match|roles|route|route-arms|route-entries|routes|same-json|split|split-to-take-back|surroundings-kinds|surroundings-words|text-match|virtual-service|ways|weight-patch|weights|workload)[.]ts$',
  '^src/metrics/(answer|counters|freshness|histogram|history|pod-queries|promql|queries|readings|roster|server-errors|surroundings-(alerts|budgets|calls|facts|lists|proxies|pushes|queries|silences)|survey|together)[.]ts$',
];

/** The core's words: what an adapter speaks. How a rollout is decided and moved is none of its business. */
const words =
  '^src/rollout/(approval|audit|check-template|command|managed-route|match-fault|mover|names|plan|plan-parts|ports/(alarm|alert-rules|alerts|check-provider|holds|live|mesh|metrics|orphans|other-routes|plans|readiness|store|targets)|reasons|rollout|scheduled|several|state|target|units)[.]ts$';

const zod = '(^|/)node_modules/zod/';

const forbidden = [
  {
    name: 'no-circles',
    comment:
      'No file needs itself in the end, not even for a type: move what both need into a file of its own.',
    from: {},
    to: { circular: true },
  },
  {
    name: 'no-barrels',
    comment: 'Import from the file that defines the thing.',
    from: {},
    to: { path: '(^|/)index[.][cm]?[jt]s$', pathNot: '(^|/)node_modules/' },
  },
  {
    name: 'nothing-missing',
    comment: 'Every import must lead somewhere, and every package must stand in package.json.',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'packages-are-declared',
    comment: 'A package that comes along with another one may go with it, too: name it in package.json.',
    from: {},
    to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
  },
  {
    name: 'no-development-packages',
    comment: 'The product is installed without devDependencies. The sandbox is not part of it.',
    from: { path: '^src/', pathNot: '^src/sandbox/' },
    to: { dependencyTypes: ['npm-dev'] },
  },
  {
    name: 'every-file-has-a-place',
    comment:
      'A new folder or a new file beside main.ts needs rules first: add it to .dependency-cruiser.cjs.',
    from: {
      path: '^src/',
      pathNot: [`^src/(${adapters}|${faces}|alert-rules|analysis|readiness|rollout|sandbox)/`, leaves, roof],
    },
    to: {},
  },
  {
    name: 'product-stands-alone',
    comment: 'The product knows no test, demo or tool.',
    from: { path: '^src/' },
    to: { pathNot: ['^src/', '(^|/)node_modules/'], dependencyTypesNot: ['core', 'unknown'] },
  },
  {
    name: 'nobody-knows-the-roof',
    comment: 'Only the roof wires things together: take what you need as an argument.',
    from: { path: '^src/', pathNot: roof },
    to: { path: roof },
  },
  {
    name: 'leaves-know-nobody',
    comment:
      'config, errors, gather, log and known-names are known by all, so they may know only each other.',
    from: { path: leaves },
    to: { path: '^src/', pathNot: leaves },
  },
  {
    name: 'core-knows-no-outside',
    comment: 'The core says what it needs in ports/; adapters know it, never the other way round.',
    from: { path: '^src/rollout/' },
    to: { pathNot: ['^src/(alert-rules|analysis|readiness|rollout)/', '^src/signals[.]ts$', zod] },
  },
  {
    name: 'analysis-knows-nobody',
    comment: 'Measurements in, verdict out.',
    from: { path: '^src/analysis/' },
    to: { pathNot: ['^src/analysis/', zod] },
  },
  {
    name: 'readiness-knows-nobody',
    comment: 'A snapshot in, findings out.',
    from: { path: '^src/readiness/' },
    to: { pathNot: ['^src/readiness/', zod] },
  },
  {
    name: 'pure-files-stay-pure',
    comment: 'Pure files know only each other and zod: hand them data instead.',
    from: { path: pure },
    to: { pathNot: [...pure, zod] },
  },
  {
    name: 'faces-know-the-core-only',
    comment: 'A face asks the service. The cli speaks HTTP only.',
    from: { path: `^src/${faces}/` },
    to: { path: '^src/', pathNot: ['^src/$1/', '^src/rollout/', '^src/(errors|known-names|log)[.]ts$'] },
  },
  {
    name: 'adapters-know-the-core-only',
    comment: 'Adapters never know each other or a face.',
    from: { path: `^src/${adapters}/` },
    to: {
      path: '^src/',
      pathNot: ['^src/$1/', '^src/(analysis|readiness|rollout)/', '^src/(errors|gather|signals)[.]ts$'],
    },
  },
  {
    name: 'adapters-speak-the-words-of-the-core',
    comment: 'Ports and types, nothing of how a rollout is decided or moved.',
    from: { path: `^src/${adapters}/` },
    to: { path: '^src/rollout/', pathNot: words },
  },
  {
    name: 'adapters-judge-nothing',
    comment: 'Adapters measure, the core judges: take types of src/analysis, and differences of counters.',
    from: { path: `^src/${adapters}/` },
    to: {
      path: '^src/analysis/',
      pathNot: '^src/analysis/counters[.]ts$',
      dependencyTypesNot: ['type-only'],
    },
  },
  {
    name: 'adapters-check-nothing',
    comment: 'Adapters read, src/readiness judges: take the shapes of what is read only.',
    from: { path: `^src/${adapters}/` },
    to: { path: '^src/readiness/', pathNot: '^src/readiness/(objects|snapshot|sources)[.]ts$' },
  },
  {
    name: 'sandbox-knows-nobody',
    comment: 'A simulation that shares code with what it tests shares its mistakes.',
    from: { path: '^src/sandbox/' },
    to: { path: '^src/', pathNot: '^src/sandbox/' },
  },
  {
    name: 'nobody-knows-the-sandbox',
    comment: 'The sandbox is for the demo and the tests.',
    from: { path: '^src/', pathNot: '^src/sandbox/' },
    to: { path: '^src/sandbox/' },
  },
];

module.exports = {
  forbidden: forbidden.map((rule) => ({ severity: 'error', ...rule })),
  options: {
    // Types count: without this an `import type` would be invisible.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    combinedDependencies: false,
    doNotFollow: { path: '(^|/)node_modules/' },
    exclude: { path: '^test/project/fixtures/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
};
