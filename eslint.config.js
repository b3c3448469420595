import js from '@eslint/js';
import boundaries from 'eslint-plugin-boundaries';
import { defineConfig } from 'eslint/config';
import { builtinModules } from 'node:module';
import tseslint from 'typescript-eslint';

/** Who may import whom (besides itself): ARCHITECTURE.md explains it, this enforces it. */
const belowServices = ['iteration', 'durability', 'store', 'safetensors', 'tasks', 'contracts', 'algorithm'];
const mayImport = {
  algorithm: [],
  contracts: ['algorithm'],
  workflows: ['contracts', 'algorithm'],
  // The file format of weights: no part of the store proper.
  safetensors: ['contracts'],
  store: ['safetensors', 'contracts', 'algorithm'],
  tasks: ['contracts', 'algorithm'],
  policy: ['safetensors', 'contracts', 'algorithm', 'scripts'],
  iteration: ['tasks', 'policy', 'contracts', 'algorithm'],
  durability: ['store', 'contracts'],
  services: [...belowServices, 'policy'],
  activities: ['services', ...belowServices, 'policy'],
  runs: ['activities', 'services', ...belowServices],
  // What a run will take follows from its model.
  plan: ['runs', 'services', ...belowServices, 'policy'],
  workers: ['activities', 'services', 'durability', 'contracts'],
  cli: ['runs', 'plan', 'store', 'contracts', 'scripts'],
  // Development commands: they measure and make things, and run no workflow.
  tools: [
    'cli',
    'runs',
    'plan',
    'workers',
    'services',
    'iteration',
    'policy',
    'tasks',
    'store',
    'safetensors',
    'contracts',
    'algorithm',
    'scripts',
  ],
  scripts: [],
};
const folders = Object.keys(mayImport).filter((category) => !['safetensors', 'plan'].includes(category));

const nodeBuiltins = builtinModules.flatMap((name) => [name, `node:${name}`]);
const onnxruntime = {
  name: 'onnxruntime-node',
  message: 'Only policy/onnx/runtime.ts knows the runtime: use what it exports.',
};
const activityContext = {
  name: '@temporalio/activity',
  message: 'Only durability/temporal-adapter.ts knows the context of an activity: use what it exports.',
};
const insideOfSdk = {
  group: ['@temporalio/*/lib/**'],
  message: 'Only contracts/protocol/temporal-internals.ts imports what the SDK does not export.',
};
const outsideWorld = [
  { object: 'Math', property: 'random', message: 'Randomness comes from algorithm/random.ts.' },
  { object: 'Date', property: 'now', message: 'Time comes from outside, as an argument.' },
];

export default defineConfig(
  {
    ignores: [
      'dist/',
      'dist-*/',
      'node_modules/',
      'policy/onnx/generated/',
      'tools/bench/peers/',
      'tools/bench/results/',
      '.attnrl/',
    ],
  },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      'max-lines': ['error', 300],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Array elements have no `| undefined` in their type (numeric code indexes within bounds that its loops
      // establish), so this rule would call a needed check superfluous.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      'no-restricted-imports': ['error', { paths: [onnxruntime, activityContext], patterns: [insideOfSdk] }],
      'no-restricted-properties': ['error', ...outsideWorld],
    },
  },
  {
    plugins: { boundaries },
    settings: {
      'import/resolver': { [`${import.meta.dirname}/scripts/eslint-resolver.cjs`]: {} },
      'boundaries/legacy-templates': false,
      'boundaries/files-single-match': true,
      'boundaries/files': [
        { category: 'safetensors', pattern: 'store/safetensors/**/*' },
        { category: 'plan', pattern: 'runs/plan/**/*' },
        ...folders.map((category) => ({ category, pattern: `${category}/**/*` })),
      ],
    },
    files: folders.map((folder) => `${folder}/**`),
    rules: {
      'boundaries/dependencies': [
        'error',
        {
          default: 'disallow',
          message: '{{from.file.categories}} may not import {{to.file.categories}}, see ARCHITECTURE.md',
          policies: Object.entries(mayImport).map(([category, others]) => ({
            from: { file: { categories: category } },
            allow: { to: { file: { categories: { anyOf: [category, ...others] } } } },
          })),
        },
      ],
      'boundaries/no-unknown-dependencies': 'error',
    },
  },
  {
    files: ['algorithm/**', 'workflows/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [onnxruntime, activityContext, ...nodeBuiltins], patterns: [insideOfSdk] },
      ],
    },
  },
  {
    files: ['policy/onnx/runtime.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: [activityContext], patterns: [insideOfSdk] }] },
  },
  {
    files: ['durability/temporal-adapter.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: [onnxruntime], patterns: [insideOfSdk] }] },
  },
  {
    files: ['contracts/protocol/temporal-internals.ts'],
    rules: { 'no-restricted-imports': ['error', { paths: [onnxruntime, activityContext] }] },
  },
  // In a workflow, Date.now() is the server's time of the event, the same in each replay.
  { files: ['workflows/**'], rules: { 'no-restricted-properties': ['error', outsideWorld[0]] } },
  {
    files: ['cli/**', 'workers/**', 'scripts/**', 'tools/**'],
    rules: { 'no-console': 'off', 'no-restricted-properties': 'off' },
  },
  { files: ['test/**'], rules: { 'no-restricted-imports': 'off' } },
  {
    files: ['**/*.cjs'],
    languageOptions: { sourceType: 'commonjs', globals: { require: 'readonly', exports: 'writable' } },
  },
  {
    // Types in JavaScript are in comments: the compiler checks them (npm run types), the linter does not see casts.
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    rules: {
      'no-undef': 'off',
      '@typescript-eslint/no-require-imports': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
);
