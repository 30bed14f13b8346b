import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  EMULATOR_CREDENTIAL,
  startTencentKmsEmulator,
} from '../../packages/tencent-kms-emulator/src/index.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config-file/index.js'
import { createEncryption } from '../../src/index.js'
import { openRecords, sealRecords } from '../../src/record/index.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
let folder = ''
let file = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-kms-'))
  file = join(folder, 'kafka-envelope.yaml')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a KMS in a configuration file', () => {
  it('a KMS in a configuration file seals and opens in Tencent Cloud KMS, here an emulator, with nothing from code', async () => {
    const emulator = await startTencentKmsEmulator({ keys: [{ alias: 'orders' }] })
    const [key] = emulator.keys()
    await writeFile(
      file,
      `version: 1
kms:
  gz:
    provider: tencent
    credentials: { secretId: '\${TENCENTCLOUD_SECRET_ID}', secretKey: '\${TENCENTCLOUD_SECRET_KEY}' }
    endpoint: ${emulator.url}
cmks: { main: [{ kms: gz, id: '${key?.region ?? ''}/${key?.keyId ?? ''}' }] }
topics:
  - { match: [orders], encrypt: { cmk: main }, decrypt: { cmk: main } }
`,
    )
    const { secretId, secretKey } = EMULATOR_CREDENTIAL
    const owner = async (id: string) =>
      createEncryption(
        await loadConfig(file, { env: { TENCENTCLOUD_SECRET_ID: id, TENCENTCLOUD_SECRET_KEY: secretKey } }),
      )
    const [writer, reader, stranger] = await Promise.all([
      owner(secretId),
      owner(secretId),
      owner('AKIDSTRANGER'),
    ])
    await writer.verify()
    const sealed = await sealRecords(writer, [{ topic: 'orders', value: 'total: 19.90' }])
    const [opened] = await openRecords(reader, sealed)
    expect(opened?.value?.toString()).toBe('total: 19.90')
    const [refused] = await openRecords(stranger, sealed)
    expect(refused?.error?.code).toBe('KMS_DENIED')
    for (const encryption of [writer, reader, stranger]) await encryption.close()
    await emulator.close()
  })

  it('a KMS in a configuration file loads its provider, and neither another one nor an SDK', async () => {
    await writeFile(
      file,
      `version: 1
kms:
  gz: { provider: tencent, credentials: environment }
  dev: { provider: local, keyring: dev.keyring }
cmks: { main: [{ kms: gz, id: ap-guangzhou/1 }, { kms: dev, id: orders }] }
topics: [{ match: [orders], encrypt: { cmk: main } }]
`,
    )
    const script = join(folder, 'load.mjs')
    await writeFile(
      script,
      `import { loadConfig } from '${root}src/config-file/index.ts'
console.log(Object.keys((await loadConfig(${JSON.stringify(file)})).kms).join())`,
    )
    for (const [args, printed] of [
      [[script], 'gz,dev'],
      [[join(root, 'src/cli/main.ts'), 'check', file], 'KMS gz (Tencent Cloud KMS)'],
    ] as const) {
      const { stdout, loaded } = await run(args)
      expect(stdout).toContain(printed)
      const providers = loaded.flatMap((url) => /src\/kms\/([a-z0-9]+)\/in-file/.exec(url)?.[1] ?? [])
      expect(new Set(providers)).toEqual(new Set(['tencent', 'local']))
      expect(loaded.filter((url) => /node_modules\/(tencentcloud|@aws-sdk)/.test(url))).toEqual([])
    }
  })
})

/** Runs a program, and returns the modules that it loads. */
async function run(args: readonly string[]): Promise<{ stdout: string; loaded: string[] }> {
  const log = join(folder, 'loaded.txt')
  const hook = `import { appendFileSync } from 'node:fs'
export const load = (url, context, next) => {
  appendFileSync(${JSON.stringify(log)}, url + '\\n')
  return next(url, context)
}`
  const hooks = join(folder, 'hooks.mjs')
  await writeFile(log, '')
  await writeFile(
    hooks,
    `import { register } from 'node:module'
register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)})`,
  )
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--import', hooks, ...args],
    { cwd: root },
  )
  return { stdout, loaded: (await readFile(log, 'utf8')).split('\n') }
}
