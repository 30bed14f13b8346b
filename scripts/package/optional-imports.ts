import { readFileSync, writeFileSync } from 'node:fs'

// In CommonJS, tsc moves a dynamic import into a callback, out of the `try` that tells bundlers that the package may be
// missing.
const OPTIONAL = {
  'dist/cjs/kms/aws/sdk.js': 1,
  'dist/cjs/kms/tencent/sdk.js': 2,
  'dist/cjs/crypto/choose-engine.js': 1,
}
const MOVED = /Promise\.resolve\(\)\.then\(\(\) => (__importStar\(require\('[^']+'\)\))\)/g

for (const [file, imports] of Object.entries(OPTIONAL)) {
  const emitted = readFileSync(file, 'utf8')
  if (emitted.match(MOVED)?.length !== imports)
    throw new Error(`${file}: expected ${String(imports)} imports of optional packages`)
  writeFileSync(file, emitted.replaceAll(MOVED, '$1'))
}
