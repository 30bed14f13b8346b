import { generateKeyPairSync } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { createEncryption, type Encryption } from '../../../src/index.js'
import type { Kms } from '../../../src/kms/kms.js'
import { openRecords, sealRecords } from '../../../src/record/index.js'
import type { Version } from '../../emulators/azure/vault-key.js'
import { azureForTests, errorOf } from './service.js'

const under = azureForTests()
const call = () => under.call('vault')
const open: Encryption[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

const currentVersion = () => under.key('vault').versions.at(-1) as Version
const pem = ({ publicKey }: Pick<Version, 'publicKey'>) =>
  String(publicKey?.export({ type: 'spki', format: 'pem' }))

/** A client that has this version pinned, the current one if absent. */
function pinning(version = currentVersion()): Kms {
  const cmks = { [call().cmkId]: { version: version.name, publicKey: pem(version) } }
  return under.kms('vault', { cmks })
}

async function owner(kms: Kms): Promise<Encryption> {
  const encryption = await createEncryption({
    kms: { azure: kms },
    cmks: { orders: [{ kms: 'azure', id: call().cmkId }] },
    topics: [
      {
        match: ['orders'],
        encrypt: { cmk: 'orders' },
        decrypt: { cmk: 'orders', acceptPublicKeySealing: true },
      },
    ],
  })
  open.push(encryption)
  return encryption
}

describe('a pinned public key of a vault', () => {
  it('a producer with a pinned public key starts and seals while the vault is away, and readers open that later', async () => {
    const kms = pinning()
    under.emulator('vault').instead = () => ({ httpStatus: 503, body: {} })
    const sealing = await owner(kms)
    await kms.verify({ ...call(), use: 'wrap' })
    const sealed = await sealRecords(sealing, [{ topic: 'orders', value: 'v' }])
    under.emulator('vault').instead = () => undefined
    expect((await openRecords(await owner(under.kms('vault')), sealed))[0]?.error).toBeUndefined()
    expect(under.emulator('vault').calls.map(({ operation }) => operation)).toEqual(['unwrapkey'])
  })

  it('a producer with a pinned public key is given no other one, and goes on under its version after a rotation', async () => {
    const before = currentVersion()
    const kms = pinning()
    under.key('vault').rotate()
    const { dek, ciphertextDek } = await kms.generateDek(call())
    expect(Buffer.from(ciphertextDek).toString('hex', 1, 17)).toBe(before.name)
    expect(await kms.unwrapDek({ ...call(), ciphertextDek })).toEqual(dek)
    expect(await kms.wrapDek({ ...call(), dek })).toHaveLength(ciphertextDek.length)
    expect(under.emulator('vault').calls.map(({ operation, version }) => [operation, version])).toEqual([
      ['unwrapkey', before.name],
    ])
  })

  it('verify() of a reader with a pinned public key makes a round trip, which fails if the key belongs to another version', async () => {
    await pinning().verify({ ...call(), use: 'unwrap' })
    expect(under.emulator('vault').calls.map(({ operation }) => operation)).toEqual(['unwrapkey'])
    const former = currentVersion()
    under.key('vault').rotate()
    const mixed = pinning({ ...currentVersion(), publicKey: former.publicKey })
    const error = await errorOf(mixed.verify({ ...call(), use: 'unwrap' }))
    expect(error.code).toBe('CIPHERTEXT_DEK_INVALID')
    expect(error.message).toContain('If its public key is pinned, check that it is that of this CMK')
  })

  it('a key of a vault whose public key is not pinned comes from the vault, also if that of another one is', async () => {
    under.emulator('vault').createKey('other', 'RSA')
    const kms = pinning()
    await kms.generateDek({ ...call(), cmkId: call().cmkId.replace(/orders$/, 'other') })
    expect(under.emulator('vault').calls.map(({ operation, key }) => [operation, key])).toEqual([
      ['get', 'other'],
    ])
  })

  it('a pinned public key must be one of a version of an RSA key in a vault', () => {
    const { name: version } = currentVersion()
    const publicKey = pem(currentVersion())
    const { cmkId: id } = call()
    const mistakes = (cmks: unknown) => {
      try {
        under.kms('vault', { cmks: cmks as Record<string, { version: string; publicKey: string }> })
        return []
      } catch (error) {
        return (error as { issues: { path: string }[] }).issues.map(({ path }) => path)
      }
    }
    const pair = (bits: number) => generateKeyPairSync('rsa', { modulusLength: bits })
    expect(mistakes({ [id]: { version, publicKey } })).toEqual([])
    expect(mistakes({ [id]: { publicKey } })).toEqual([`cmks.${id}.version`])
    for (const wrong of ['', version.toUpperCase().replace(/\d/, 'A'), version.slice(1), `${version}/`])
      expect(mistakes({ [id]: { version: wrong, publicKey } })).toEqual([`cmks.${id}.version`])
    const secret = pair(2048).privateKey.export({ type: 'pkcs8', format: 'pem' })
    for (const wrong of ['', publicKey.slice(0, 90), pem(pair(2560)), pem(pair(1024)), secret])
      expect(mistakes({ [id]: { version, publicKey: wrong } })).toEqual([`cmks.${id}.publicKey`])
    for (const other of [`${id}/${version}`, 'orders', 'https://acme.managedhsm.azure.net/keys/orders'])
      expect(mistakes({ [other]: { version, publicKey } })).toEqual([`cmks.${other}`])
  })
})
