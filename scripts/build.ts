import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'

// Twice by plain tsc: an ESM-only package fails in Jest with its defaults, and in TypeScript projects that
// are CommonJS under `module: node16`.
rmSync('dist', { recursive: true, force: true })
for (const format of ['esm', 'cjs']) {
  execFileSync('node_modules/.bin/tsc', ['-p', `tsconfig.${format}.json`], { stdio: 'inherit' })
}
writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n')
chmodSync('dist/esm/cli/main.js', 0o755)
