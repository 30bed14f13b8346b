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
      topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
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

it('after close() no timer is left, although callers waited for a rate limit, a retry, a store and a hanging KMS', async () => {
  const script = join(folder, 'waiting.mts')
  await writeFile(
    script,
    `
    import { randomBytes } from 'node:crypto'
    import { createEncryption, EnvelopeError } from ${JSON.stringify(join(src, 'index.ts'))}
    import { openRecords, sealRecords } from ${JSON.stringify(join(src, 'record/index.ts'))}
    const never = () => new Promise(() => undefined)
    const kms = (over) => ({
      describe: async () => ({ provider: 'memory', publicKeyWraps: false }),
      generateDek: async () => ({ dek: new Uint8Array(randomBytes(32)), ciphertextDek: new Uint8Array(8) }),
      wrapDek: never,
      unwrapDek: never,
      verify: never,
      ...over,
    })
    const away = () => Promise.reject(new EnvelopeError('KMS_UNAVAILABLE', 'no'))
    const store = { load: never, save: never, remove: never }
    const situations = {
      budget: { kms: kms({}), kmsRateLimit: { sealing: { perSecond: 0.1, burst: 1 } } },
      retry: { kms: kms({ generateDek: away }), kmsRetries: 5 },
      store: { kms: kms({}), dekStore: store },
      hanging: { kms: kms({ generateDek: never }) },
    }
    for (const [name, { kms, ...rest }] of Object.entries(situations)) {
      const rule = (topic) => ({ match: [topic], encrypt: { cmk: 'main', dekTimeout: '10m' }, decrypt: { cmk: 'main' } })
      const encryption = await createEncryption({
        kms: { memory: kms },
        cmks: { main: [{ kms: 'memory', id: 'cmk' }] },
        topics: [rule('a'), rule('b')],
        kmsTimeout: '60s',
        ...rest,
      })
      const codes = ['a', 'b'].map((topic) =>
        sealRecords(encryption, [{ topic, value: 'v' }]).then(() => 'sealed', ({ code }) => code),
      )
      await new Promise((resolve) => setTimeout(resolve, 300))
      const waited = process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length
      await encryption.close()
      const told = await Promise.all(codes)
      const left = process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length
      console.log(name, ...told, waited > 0, left)
    }
    `,
  )
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
    timeout: 25_000,
  })
  expect(stdout.trim().split('\n')).toEqual([
    'budget sealed ENCRYPTION_CLOSED true 0',
    'retry ENCRYPTION_CLOSED ENCRYPTION_CLOSED true 0',
    'store ENCRYPTION_CLOSED ENCRYPTION_CLOSED true 0',
    'hanging ENCRYPTION_CLOSED ENCRYPTION_CLOSED true 0',
  ])
})
