/** `npm run test:tencent-live`: states the cost, then runs `test/live`. Exits with 2 if it cannot. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { DOLLARS_PER_CALL, planOf, USAGE } from './plan.js'

const plan = planOf(process.env)
if (typeof plan === 'string') {
  process.stderr.write(`Nothing was called: ${plan}\n\n${USAGE}`)
  process.exit(2)
}
const { symmetric, rsa, endpoint, calls } = plan
const cmks = [symmetric, rsa].filter((id) => id !== undefined).join(', ')
process.stdout.write(
  `${String(calls)} calls to Tencent Cloud KMS (endpoint ${endpoint}) under ${cmks}: ` +
    `about $${(calls * DOLLARS_PER_CALL).toFixed(5)} at $0.18 per 10,000\n`,
)
const root = fileURLToPath(new URL('../..', import.meta.url))
const args = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.live.config.ts']
const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
const [code] = (await once(child, 'exit')) as [number | null]
process.exit(code ?? 1)
