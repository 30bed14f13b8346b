import { readFileSync, writeFileSync } from 'node:fs'

// In CommonJS, tsc moves a dynamic import into a callback, out of the `try` that tells bundlers that the package may be
// missing.
const SDK = 'dist/cjs/kms/tencent/sdk.js'
const MOVED = /Promise\.resolve\(\)\.then\(\(\) => (__importStar\(require\('[^']+'\)\))\)/g
const emitted = readFileSync(SDK, 'utf8')
if (emitted.match(MOVED)?.length !== 2) throw new Error(`${SDK}: expected the two imports of the SDK`)
writeFileSync(SDK, emitted.replaceAll(MOVED, '$1'))
