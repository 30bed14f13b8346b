import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { parse } from 'yaml'

const root = fileURLToPath(new URL('../..', import.meta.url))
let folder = ''

afterAll(() => rm(folder, { recursive: true, force: true }))

it('the test of a handler that docs/recipes.md shows passes in vitest, with no broker and no files', async () => {
  const page = await readFile(join(root, 'docs/recipes.md'), 'utf8')
  const [, code = ''] = /^```ts\n(import \{ expect, it \} from 'vitest'.*?)^```/ms.exec(page) ?? []
  // Inside the project, so that vitest is found.
  folder = await mkdtemp(join(root, 'test/.recipes-'))
  await writeFile(
    join(folder, 'billing.test.ts'),
    code
      .replace("'kafka-envelope'", `'${root}src/index.ts'`)
      .replace("'kafka-envelope/kafkajs'", `'${root}src/clients/kafkajs/index.ts'`)
      .replace("'kafka-envelope/kafkajs/testing'", `'${root}src/clients/kafkajs/testing/index.ts'`)
      .replace("'kafka-envelope/kms/memory'", `'${root}src/kms/memory/index.ts'`),
  )
  await writeFile(join(folder, 'vitest.config.mjs'), 'export default {}\n')
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const { stdout } = await promisify(execFile)(process.execPath, [vitest, 'run', '--root', folder], {
    cwd: folder,
    env: { ...process.env, NODE_ENV: 'test', NO_COLOR: '1' },
  })
  expect(stdout).toMatch(/Tests\s+1 passed/)
}, 120_000)

it('the Secret that docs/recipes.md shows is mounted with the mode that a keyring may have', async () => {
  const page = await readFile(join(root, 'docs/recipes.md'), 'utf8')
  const [, text = ''] = /^```yaml\n(.*?)^```/ms.exec(page) ?? []
  // Kubernetes reads YAML 1.1, in which 0400 is octal.
  const pod = parse(text, { version: '1.1' }) as {
    securityContext: { fsGroup: number }
    volumes: { secret: { defaultMode: number } }[]
  }
  expect(pod.securityContext.fsGroup).toBeGreaterThan(0)
  expect(pod.volumes[0]?.secret.defaultMode).toBe(0o400)
})
