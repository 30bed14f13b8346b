import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'

const src = fileURLToPath(new URL('../../src', import.meta.url))
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-lifetime-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it.each([true, false])('a script that uses the library ends by itself (close: %s)', async (close) => {
  const keyring = join(folder, `${String(close)}.keyring`)
  const script = join(folder, `${String(close)}.mts`)
  await writeFile(
    script,
    `
    import { createEncryption } from ${JSON.stringify(join(src, 'index.ts'))}
    import { openRecords, sealRecords } from ${JSON.stringify(join(src, 'record/index.ts'))}
    import { addCmk, createKeyring, localKms } from ${JSON.stringify(join(src, 'kms/local/index.ts'))}
    await createKeyring(${JSON.stringify(keyring)})
    await addCmk(${JSON.stringify(keyring)}, 'orders', { type: 'aes-256' })
    const encryption = await createEncryption({
      kms: { dev: localKms({ keyring: ${JSON.stringify(keyring)} }) },
      cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
      topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, read: { cmk: 'orders' } }],
    })
    await encryption.verify()
    const sealed = await sealRecords(encryption, [{ topic: 'orders', value: 'v' }])
    const [opened] = await openRecords(encryption, sealed)
    if (${String(close)}) await encryption.close()
    const left = process.getActiveResourcesInfo().filter((name) => name === 'Timeout')
    console.log(opened.value.toString(), ${String(close)} ? left.length : 'ok')
    `,
  )
  const started = Date.now()
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
    timeout: 20_000,
  })
  expect(stdout).toBe(close ? 'v 0\n' : 'v ok\n')
  expect(Date.now() - started).toBeLessThan(20_000)
})
