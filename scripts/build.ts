import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

// Twice by plain tsc: an ESM-only package fails in Jest with its defaults, and in TypeScript projects that
// are CommonJS under `module: node16`.
rmSync('dist', { recursive: true, force: true })
for (const format of ['esm', 'cjs']) {
  execFileSync('node_modules/.bin/tsc', ['-p', `tsconfig.${format}.json`], { stdio: 'inherit' })
}
writeFileSync('dist/cjs/package.json', '{ "type": "commonjs" }\n')
chmodSync('dist/esm/cli/main.js', 0o755)

// In CommonJS, tsc moves a dynamic import into a callback, out of the `try` by which bundlers know that the package may
// be missing.
const SDK = 'dist/cjs/kms/tencent/sdk.js'
const MOVED = /Promise\.resolve\(\)\.then\(\(\) => (__importStar\(require\('[^']+'\)\))\)/g
const emitted = readFileSync(SDK, 'utf8')
if (emitted.match(MOVED)?.length !== 2) throw new Error(`${SDK}: expected the two imports of the SDK`)
writeFileSync(SDK, emitted.replaceAll(MOVED, '$1'))
