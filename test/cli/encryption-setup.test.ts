import { writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadEncryption, loadSetup } from '../../src/cli/encryption-setup.js'
import { loadConfig } from '../../src/config-file/index.js'
import { createEncryption } from '../../src/index.js'
import { createKeyring, setCmkEnabled } from '../../src/kms/local/index.js'
import { temporaryFolder, type TemporaryFolder } from '../kms/local/temporary-folder.js'

let folder: TemporaryFolder
beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(() => folder.remove())

const config = (encrypt: string): string => `version: 1
kms: { dev: { provider: local, keyring: dev.keyring } }
cmks: { main: [{ kms: dev, id: orders }] }
topics: [{ match: [t], encrypt: { cmk: main${encrypt} }, decrypt: { cmk: main } }]
`

it('a command that reads a configuration file unwraps no provisioned DEK', async () => {
  const keyring = folder.at('dev.keyring')
  await createKeyring(keyring, [{ id: 'orders', type: 'aes-256' }])
  const file = folder.at('kafka-envelope.yaml')
  await writeFile(file, config(''))
  const maker = await createEncryption(await loadConfig(file))
  await writeFile(folder.at('dek.txt'), await maker.createProvisionedDek('t'))
  await maker.close()
  await setCmkEnabled(keyring, 'orders', false)

  await writeFile(
    file,
    config(`, provisionedDek: { file: ${folder.at('dek.txt')} }, rotate: { maxMessages: 100000 }`),
  )
  await expect(loadConfig(file).then(createEncryption)).rejects.toMatchObject({ code: 'CMK_DISABLED' })
  const { encryption } = await loadEncryption(file)
  expect(encryption.health()).toMatchObject({ status: 'ok' })
  await encryption.close()
})

it('a module has to export an encryption', async () => {
  const file = folder.at('module.mjs')
  await writeFile(file, 'export const kafka = {}')
  await expect(loadEncryption(file)).rejects.toThrow(
    new Error(`${file} has to export \`encryption\` or \`config\``),
  )
  await expect(loadSetup(file)).rejects.toThrow(
    new Error(`${file} has to export \`config\`, with which \`createEncryption\` is called`),
  )
})

it('a module that exports a configuration serves commands that need an encryption, and those that look at it first', async () => {
  const file = folder.at('config.mjs')
  const calls = 'describe generateDek wrapDek unwrapDek verify'.split(' ')
  await writeFile(
    file,
    `let closed = 0
export const closings = () => closed
const kms = { close: async () => { closed++ }, ${calls.map((name) => `${name}: async () => ({ provider: 'x', publicKeyWraps: false })`).join(', ')} }
export const config = { kms: { a: kms }, cmks: { main: [{ kms: 'a', id: 'b' }] }, topics: [{ match: ['t'], encrypt: { cmk: 'main' } }] }`,
  )
  const setup = await loadSetup(file)
  expect(setup.config).toMatchObject({ topics: [{ match: ['t'] }] })
  const { encryption } = await loadEncryption(file)
  expect(encryption.health()).toMatchObject({ status: 'ok' })
  await encryption.close()
  await setup.close()
  const { closings } = (await import(file)) as { closings: () => number }
  expect(closings()).toBe(2)
})
