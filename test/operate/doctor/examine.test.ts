import { writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { Kafka } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OLDEST_KAFKAJS, OLDEST_NODE } from '../../../src/operate/doctor/checks/program.js'
import { examine } from '../../../src/operate/index.js'
import { createEncryption, type EncryptionConfig } from '../../../src/index.js'
import { createKeyring } from '../../../src/kms/local/index.js'
import { temporaryFolder, type TemporaryFolder } from '../../kms/local/temporary-folder.js'
import { MemoryKms } from '../../support/memory-kms.js'

let folder: TemporaryFolder
beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(() => folder.remove())

const configOf = (kms: MemoryKms, topics: EncryptionConfig['topics']): EncryptionConfig => ({
  kms: { memory: kms },
  cmks: { main: [{ kms: 'memory', id: 'cmk' }] },
  topics,
})
/** Nothing answers there, and nobody asks it. */
const nowhere = (): Kafka => new Kafka({ brokers: ['127.0.0.1:1'] })

describe('examine', () => {
  it('mistakes in a file are findings with their places, and what needs no configuration is checked all the same', async () => {
    const file = folder.at('c.yaml')
    await writeFile(file, 'version: 1\nkms: {}\ncmks: {}\ntopics: []\n')
    const { findings, fine, unchecked } = await examine({ config: file })
    expect(findings.length).toBeGreaterThan(0)
    expect(new Set(findings.map(({ id }) => id))).toEqual(new Set(['config-invalid']))
    expect(findings[0]?.subject).toMatch(/^topics \(line 4, column 1\)$/)
    expect(fine.map(({ area }) => area)).toContain('program')
    expect(unchecked).toContainEqual({ area: 'KMS', text: 'CMKs and rights: the configuration has mistakes' })
  })

  it('the KMSs of a file are closed, those of an object stay open', async () => {
    const kms = new MemoryKms()
    const config = configOf(kms, [{ match: ['t'], encrypt: { cmk: 'main' }, decrypt: { cmk: 'main' } }])
    const { findings } = await examine({ config })
    expect(findings).toEqual([])
    expect(kms.closed).toBe(false)
    const encryption = await createEncryption(config)
    await encryption.close()
    expect(kms.closed).toBe(true)
  })

  it('findings come in the order of their severity', async () => {
    const keyring = folder.at('dev.keyring')
    await createKeyring(keyring, [{ id: 'a', type: 'aes-256' }])
    const file = folder.at('c.yaml')
    await writeFile(
      file,
      `version: 1
kms: { dev: { provider: local, keyring: dev.keyring } }
cmks: { main: [{ kms: dev, id: a }], gone: [{ kms: dev, id: b }] }
topics:
  - match: [t]
    encrypt: { cmk: main, rotate: { prefetch: 0 }, dekTimeout: 60s }
  - match: [u]
    decrypt: { cmk: gone }
`,
    )
    const { findings } = await examine({ config: file })
    expect(findings.map(({ id, severity }) => `${severity} ${id}`)).toEqual([
      'error cmk-not-found',
      'warning dek-timeout-too-long',
      'note prefetch-off',
      'note keyring-holds-whole-cmk',
    ])
  })

  it.each([
    ['carts', 'no canary in topic carts: no rule matches it'],
    ['passed', 'no canary in topic passed: rule passed passes values through, so nothing would be sealed'],
    ['read', 'no canary in topic read: rule read has no `encrypt`, so nothing would be sealed'],
  ])('a canary is refused in topic %s, before anything is asked', async (canary, message) => {
    const kms = new MemoryKms()
    const config = configOf(kms, [
      { match: ['passed'], passthrough: true },
      { match: ['read'], decrypt: { cmk: 'main' } },
    ])
    await expect(examine({ config, canary, kafka: nowhere() })).rejects.toThrow(new Error(message))
    await expect(examine({ config, canary })).rejects.toThrow(new Error('a canary needs Kafka'))
    expect(kms.verified).toEqual([])
  })

  it('an abort ends it with its reason', async () => {
    const reason = new Error('interrupted')
    const config = configOf(new MemoryKms(), [{ match: ['t'], encrypt: { cmk: 'main' } }])
    await expect(examine({ config, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('the oldest versions that it accepts are those that the package declares', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
      readonly engines: { readonly node: string }
      readonly peerDependencies: { readonly kafkajs: string }
    }
    expect(`>=${OLDEST_NODE.replace(/\.0$/, '')}`).toBe(manifest.engines.node)
    expect(`^${OLDEST_KAFKAJS}`).toBe(manifest.peerDependencies.kafkajs)
  })
})
