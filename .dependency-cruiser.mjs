// The direction of dependency among the folders of lib/ (docs/architecture.md), top layer first.
// A folder imports from the folders below it and from the leaves, never from one above.
const layers = [
  ['cli'],
  ['mtree'],
  ['simulated'],
  ['kvm', 'vfio', 'pci'],
  ['mapping'],
  ['memory'],
  ['native'],
];

// Files of lib/ that every folder may import, and that import no folder.
const leaves = ['address', 'errors', 'long-work', 'needs-linux', 'package-root', 'partition-point'];

// What a user loads: the package itself, its parts, and the command.
const entries =
  '^lib/(index|mtree/map/browser/main|(kvm|mapping|mtree/(diff|lint|map|recording)|pci|simulated|vfio)/index|cli/main)\\.ts$';

const anyOf = (names) => `(${names.join('|')})`;

const layerRules = layers.slice(1).map((folders, index) => ({
  name: `${folders.join('-')}-imports-nothing-above`,
  severity: 'error',
  comment: 'Dependencies point down: cli, mtree, {kvm, vfio, pci}, mapping, memory, native.',
  from: { path: `^lib/${anyOf(folders)}/` },
  to: { path: `^lib/(${anyOf(layers.slice(0, index + 1).flat())}/|index\\.ts$)` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layerRules,
    {
      name: 'leaves-import-no-folder',
      severity: 'error',
      comment: 'They are what everything stands on.',
      from: { path: `^lib/${anyOf(leaves)}\\.ts$` },
      to: { path: '^lib/', pathNot: `^lib/${anyOf(leaves)}\\.ts$` },
    },
    {
      name: 'only-memory-and-kernels-call-native',
      severity: 'error',
      comment: 'The addon is reached through the folders that own its functions.',
      from: { path: '^lib/', pathNot: `^lib/${anyOf(['native', 'memory', 'kvm', 'vfio'])}/` },
      to: { path: '^lib/native/' },
    },
    {
      name: 'regions-stand-on-commit-and-that-on-views',
      severity: 'error',
      comment: 'Within lib/memory. (Types may refer to each other.)',
      from: { path: '^lib/memory/(views|commit)/' },
      to: {
        path: '^lib/memory/(regions|listeners|explain|access)/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'views-stand-alone',
      severity: 'error',
      comment: 'Within lib/memory. (Types may refer to each other.)',
      from: { path: '^lib/memory/views/' },
      to: { path: '^lib/memory/commit/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-cycle',
      severity: 'error',
      comment: 'Modules that load each other have no first one. (Types may refer to each other.)',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'lib-stands-alone',
      severity: 'error',
      comment: 'What is published imports nothing that is not.',
      from: { path: '^lib/' },
      to: { path: '^(test|benchmarks|examples|scripts)/' },
    },
    {
      name: 'only-runtime-dependencies',
      severity: 'error',
      comment: 'A user of the package does not have its devDependencies.',
      from: { path: '^lib/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: '@types/node' },
    },
    {
      name: 'only-the-cli-parses-arguments',
      severity: 'error',
      comment: 'An embedder of the library does not load a parser of command lines.',
      from: { path: '^lib/', pathNot: '^lib/cli/' },
      to: { path: 'node_modules/commander' },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'reachable',
      severity: 'error',
      comment: 'Neither the package nor the command loads this file.',
      from: { path: entries },
      to: { path: '^lib/', pathNot: entries, reachable: false },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
