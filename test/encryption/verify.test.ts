import { expect, it } from 'vitest'
import { createEncryption, type TopicRule } from '../../src/index.js'
import type { EncryptionContext, KmsCall } from '../../src/kms/kms.js'
import { MemoryKms } from '../support/memory-kms.js'

/** The calls that `verify()` makes to the KMS under this rule: uses and contexts. */
async function asked(rule: TopicRule<'main'>): Promise<[string, EncryptionContext][]> {
  const calls: [string, EncryptionContext][] = []
  const kms = new MemoryKms()
  kms.verify = ({ use, context }: KmsCall & { use: string }) => {
    calls.push([use, context])
    return Promise.resolve()
  }
  const encryption = await createEncryption({
    kms: { memory: kms },
    cmks: { main: [{ kms: 'memory', id: 'cmk' }] },
    topics: [rule],
  })
  await encryption.verify()
  await encryption.close()
  return calls
}

it('verify() uses the context that the rule seals with, for opening too', async () => {
  const context = { tenant: 'acme', env: 'prod' }
  const encrypt = { cmk: 'main', context } as const
  expect(await asked({ match: ['t'], encrypt })).toEqual([['generate', context]])
  const decrypt = { cmk: 'main', require: { context: { tenant: 'acme' } } } as const
  expect(await asked({ match: ['t'], encrypt, decrypt })).toEqual([
    ['generate', context],
    ['unwrap', context],
  ])
  // Of what is sealed elsewhere, no more is known.
  expect(await asked({ match: ['t'], decrypt })).toEqual([['unwrap', { tenant: 'acme' }]])
})
