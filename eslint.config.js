import js from '@eslint/js'
import prettier from 'eslint-config-prettier'
import { defineConfig } from 'eslint/config'
import ts from 'typescript-eslint'

// A test's name must make sense alone, in a CI log: a sentence with a subject.
const WITHOUT_SUBJECT = [
  'is are was were has have do does may must can cannot never accepts asks closes counts ends fails',
  'gets gives goes holds keeps leaves lets lists makes needs opens passes refuses rejects reports',
  'returns says seals should shows starts stays stops takes tells throws works and or nor but also so',
  'than that whose of to by beyond through',
]
  .join(' ')
  .replaceAll(' ', '|')
const NAME_OF_TEST =
  'CallExpression:matches([callee.name=/^(it|test)$/], [callee.callee.object.name=/^(it|test)$/])'
const TIMERS = { regex: '^(node:)?timers(/promises)?$' }

export default defineConfig(
  { ignores: ['**/dist/', 'coverage/', '.cache/', 'reports/', 'test/package/', '**/*.cjs'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [ts.configs.strictTypeChecked, ts.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.check.json' } },
  },
  {
    files: ['**/*.ts'],
    rules: {
      // Its other form, `!`, is what no-non-null-assertion forbids.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // KafkaJS declares functions of closures as methods.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['src/**', 'packages/*/src/**'],
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'error', 'no-console': 'error' },
  },
  {
    // Time and chance come from src/clock.ts, injected, so that tests control them. Test tools run on the clock of their test.
    files: ['src/**'],
    ignores: ['src/clock.ts', 'src/**/testing/**'],
    rules: {
      'no-restricted-globals': [
        'error',
        'setTimeout',
        'setInterval',
        'setImmediate',
        'clearTimeout',
        'clearInterval',
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now' },
        { object: 'performance', property: 'now' },
        { object: 'Math', property: 'random' },
        { object: 'AbortSignal', property: 'timeout' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]' },
      ],
      'no-restricted-imports': ['error', { patterns: [TIMERS] }],
    },
  },
  {
    // Ciphers are for crypto/ and kms/. The layers check sees modules, not names: this holds the one exception.
    files: ['src/keys/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [{ name: 'node:crypto', allowImportNames: ['randomBytes'] }, { name: 'crypto' }],
          patterns: [TIMERS],
        },
      ],
    },
  },
  { files: ['src/cli/**'], rules: { 'no-console': 'off' } },
  // Tests spread text that they made themselves, and use what KafkaJS has deprecated, as applications do.
  {
    files: ['test/**/*.ts', 'packages/*/test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-deprecated': 'off',
      'no-restricted-syntax': [
        'error',
        ...[
          `> Literal:first-child[value=/^(${WITHOUT_SUBJECT})\\b/]`,
          `> TemplateLiteral:first-child > TemplateElement:first-child[value.raw=/^(${WITHOUT_SUBJECT})\\b/]`,
        ].map((name) => ({
          selector: `${NAME_OF_TEST} ${name}`,
          message: 'A test’s name is a sentence with a subject: it must make sense alone, in a CI log.',
        })),
      ],
    },
  },
  // The examples are a package of their own, whose types are there once it is installed; their own test compiles them.
  {
    files: ['examples/*.ts'],
    extends: [ts.configs.disableTypeChecked],
    languageOptions: { parserOptions: { project: null } },
    rules: { '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }] },
  },
  prettier,
)
