import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// Builds the package in the current folder, twice, with plain tsc: an ESM-only package fails in Jest with its defaults,
// and in TypeScript projects that are CommonJS under `module: node16`.
const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc')
rmSync('dist', { recursive: true, force: true })
for (const format of ['esm', 'cjs']) {
  execFileSync(process.execPath, [TSC, '-p', `tsconfig.${format}.json`], { stdio: 'inherit' })
}
writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n')
const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: Record<string, string> }
for (const program of Object.values(bin)) chmodSync(program, 0o755)
