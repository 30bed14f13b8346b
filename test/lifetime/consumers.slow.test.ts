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
  folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-consumers-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

it('a consumer that was disconnected can be garbage-collected while its owner lives on; one that runs cannot', async () => {
  const script = join(folder, 'collected.mts')
  await writeFile(
    script,
    `
    import { EventEmitter } from 'node:events'
    import { createEncryption } from ${JSON.stringify(join(src, 'index.ts'))}
    import { decryptConsumer } from ${JSON.stringify(join(src, 'clients/kafkajs/index.ts'))}
    import { memoryConsumer, sealedMessages } from ${JSON.stringify(join(src, 'clients/kafkajs/testing/index.ts'))}
    import { memoryKms } from ${JSON.stringify(join(src, 'kms/memory/index.ts'))}
    const kms = memoryKms({ cmks: ['orders'] })
    const encryption = await createEncryption({
      kms: { dev: kms },
      cmks: { orders: [{ kms: 'dev', id: 'orders' }] },
      topics: [{ match: ['orders'], encrypt: { cmk: 'orders' }, decrypt: { cmk: 'orders' } }],
      kmsRetries: 0,
    })
    const messages = await sealedMessages(encryption, 'orders', [{ value: 'v' }])
    encryption.evict('orders')

    // Like KafkaJS, which has an event for disconnecting.
    function connected() {
      const emitter = new EventEmitter()
      return Object.assign(memoryConsumer(), {
        on: (name, listener) => void emitter.on(name, listener),
        disconnect: async () => void emitter.emit('consumer.disconnect', {}),
      })
    }
    const waiting = () => encryption.health().waiting.length
    const ends = {
      'runs on': async () => undefined,
      'is disconnected': async (inner, wrapped) => wrapped.disconnect(),
      'has its inner consumer disconnected': async (inner) => inner.disconnect(),
      'has its inner consumer disconnected while a record waits for a KMS': async (inner) => {
        kms.setAvailable(false)
        await inner.deliver('orders', messages)
        console.log(waiting(), 'waits')
        await inner.disconnect()
        console.log(waiting(), 'waits')
        kms.setAvailable(true)
      },
    }
    const kept = new Map()
    for (const [name, end] of Object.entries(ends)) {
      // In a function of its own, so that no variable here holds on to it.
      await (async () => {
        const inner = connected()
        const wrapped = decryptConsumer(inner, encryption)
        await wrapped.run({ eachMessage: async () => undefined })
        kept.set(name, [new WeakRef(inner), new WeakRef(wrapped)])
        await end(inner, wrapped)
      })()
    }
    const isKept = (refs) => refs.some((ref) => ref.deref() !== undefined)
    for (let turn = 0; turn < 100 && [...kept.values()].filter(isKept).length > 1; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      gc()
    }
    for (const [name, refs] of kept) console.log(name + ':', isKept(refs) ? 'kept' : 'collected')
    await encryption.close()
    `,
  )
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--import', 'tsx', script], {
    timeout: 25_000,
  })
  expect(stdout.trim().split('\n')).toEqual([
    '1 waits',
    '0 waits',
    'runs on: kept',
    'is disconnected: collected',
    'has its inner consumer disconnected: collected',
    'has its inner consumer disconnected while a record waits for a KMS: collected',
  ])
})
