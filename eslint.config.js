import js from '@eslint/js'
import prettier from 'eslint-config-prettier'
import { defineConfig } from 'eslint/config'
import ts from 'typescript-eslint'

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
    // Ciphers are for crypto/ and kms/. The layers check sees modules, not names: this holds the one exception.
    files: ['src/keys/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'node:crypto', allowImportNames: ['randomBytes'] }, { name: 'crypto' }] },
      ],
    },
  },
  { files: ['src/cli/**'], rules: { 'no-console': 'off' } },
  // Tests spread text that they made themselves, and use what KafkaJS has deprecated, as applications do.
  {
    files: ['test/**/*.ts', 'packages/*/test/**/*.ts'],
    rules: { '@typescript-eslint/no-misused-spread': 'off', '@typescript-eslint/no-deprecated': 'off' },
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
