import { expect, it, onTestFinished } from 'vitest'
import { memoryEncryption } from '../../support/encryption.js'
import { sealRecords } from '../../../src/record/index.js'

it('many CMKs and rules cause no warning of Node.js about leaked listeners', async () => {
  const warnings: string[] = []
  const listen = ({ name }: Error): void => void warnings.push(name)
  process.on('warning', listen)
  onTestFinished(() => {
    process.off('warning', listen)
  })
  const ids = Array.from({ length: 30 }, (_, i) => `cmk-${String(i)}`)
  const { encryption } = await memoryEncryption(
    ids.map((id) => ({ match: [id], encrypt: { cmk: id }, decrypt: { cmk: id === 'cmk-0' ? ids : id } })),
    { cmks: Object.fromEntries(ids.map((id) => [id, [{ kms: 'memory', id }]])) },
  )
  await encryption.verify()
  await sealRecords(
    encryption,
    ids.map((topic) => ({ topic, value: 'x' })),
  )
  await encryption.close()
  // Node.js warns on a later turn.
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(warnings).toEqual([])
})
