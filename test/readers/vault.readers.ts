import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { vaultKms } from '../../src/kms/vault/index.js'
import { startOpenBao, suiteOnOpenBao, whyNoOpenBao, type OpenBao } from '../support/servers/openbao.js'
import {
  altered,
  OPENS,
  outcomes,
  READERS,
  sealedBy,
  suiteOf,
  verdict,
  type Case,
  type Outcome,
} from './kms-readers.js'

const NAME = 'transit.vault.example.com'
const context = { tenant: 'acme', env: 'prod' } as const
/** What the readers' documentation asks for. */
const POLICIES = {
  reader:
    'path "transit/keys/*" { capabilities = ["read"] }\npath "transit/decrypt/*" { capabilities = ["update"] }',
  looker: 'path "transit/keys/*" { capabilities = ["read"] }',
} as const

const UNWRAP_FAILED: Outcome = { code: 'UNWRAP_FAILED', kind: 'invalid' }
const DENIED: Outcome = { code: 'KMS_DENIED', kind: 'unreadable' }
const DISABLED: Outcome = { code: 'CMK_DISABLED', kind: 'unreadable' }
const NOT_FOUND: Outcome = { code: 'CMK_NOT_FOUND', kind: 'unreadable' }
const EXPECTED: Readonly<Record<string, Outcome>> = {
  'with a context': OPENS,
  'without a context': OPENS,
  'sealed before a rotation of the key': OPENS,
  'under a key of a namespace': OPENS,
  'with another context than it was sealed with': UNWRAP_FAILED,
  'that names another key than it was sealed under': UNWRAP_FAILED,
  'under a key that the rule does not accept': { code: 'NO_CANDIDATE', kind: 'unreadable' },
  'under a key that does not exist': NOT_FOUND,
  'under a version that the key does not have': NOT_FOUND,
  'under a version below min_decryption_version': DISABLED,
  'under a key that was soft-deleted': DISABLED,
  'under a key that is not derived': { code: 'CMK_UNUSABLE', kind: 'unreadable' },
  'whose reader may look at the key and not decrypt': DENIED,
  'whose reader may do nothing': DENIED,
  'whose reader has a token that OpenBao does not know': DENIED,
  'while OpenBao is away': { code: 'KMS_UNAVAILABLE', kind: 'transient' },
}

describe.skipIf(whyNoOpenBao !== undefined)(`Vault ${suiteOnOpenBao}`, () => {
  let bao: OpenBao
  let cases: readonly Case[]

  beforeAll(async () => {
    bao = await startOpenBao()
    cases = await casesOf()
  })
  afterAll(async () => {
    await bao.close()
  })

  async function token(...policies: string[]): Promise<string> {
    const { client_token: given } = await bao.admin('POST', 'auth/token/create', { policies })
    return String(given)
  }

  async function casesOf(): Promise<readonly Case[]> {
    const root = { method: 'token', token: bao.rootToken } as const
    const kms = () => vaultKms({ address: bao.url, name: NAME, auth: root })
    const kmsIn = (namespace: string) => vaultKms({ address: bao.url, name: NAME, auth: root, namespace })
    for (const key of ['orders', 'others', 'oldest', 'killed'])
      await bao.admin('POST', `transit/keys/${key}`, { derived: true })
    await bao.admin('POST', 'transit/keys/simple')
    for (const [policy, text] of Object.entries(POLICIES))
      await bao.admin('PUT', `sys/policies/acl/${policy}`, { policy: text })
    const seal = (key: string): Promise<Buffer> => sealedBy(kms, `${NAME}/${key}`, context)

    const before = await seal('orders')
    await bao.admin('POST', 'transit/keys/orders/rotate')
    const sealed = await seal('orders')
    const [oldest, killed] = [await seal('oldest'), await seal('killed')]
    await bao.admin('POST', 'transit/keys/oldest/rotate')
    await bao.admin('POST', 'transit/keys/oldest/config', { min_decryption_version: 2 })
    await bao.admin('DELETE', 'transit/keys/killed/soft-delete')

    await bao.admin('POST', 'sys/namespaces/team')
    await bao.admin('POST', 'team/sys/mounts/transit', { type: 'transit' })
    await bao.admin('POST', 'team/transit/keys/orders', { derived: true })
    const inTeam = await sealedBy(() => kmsIn('team'), `${NAME}/orders`, context)

    const common = { provider: 'vault-transit', url: bao.url, token: await token('reader') }
    const orders = { ...common, cmkId: `${NAME}/orders`, envelope: sealed }
    const renamed = (key: string) => ({
      ...common,
      cmkId: `${NAME}/${key}`,
      // Version 1, which every key has.
      envelope: altered(before, `${NAME}/orders`, `${NAME}/${key}`),
    })
    return [
      { ...orders, name: 'with a context' },
      { ...orders, name: 'without a context', envelope: await sealedBy(kms, `${NAME}/orders`) },
      { ...orders, name: 'sealed before a rotation of the key', envelope: before },
      {
        ...common,
        name: 'under a key of a namespace',
        cmkId: `${NAME}/orders`,
        envelope: inTeam,
        token: bao.rootToken,
        namespace: 'team',
      },
      {
        ...orders,
        name: 'with another context than it was sealed with',
        envelope: altered(sealed, 'acme', 'acmf'),
      },
      { ...renamed('others'), name: 'that names another key than it was sealed under' },
      { ...orders, name: 'under a key that the rule does not accept', cmkId: `${NAME}/others` },
      { ...renamed('absent'), name: 'under a key that does not exist' },
      {
        ...orders,
        name: 'under a version that the key does not have',
        envelope: altered(sealed, 'vault:v2:', 'vault:v9:'),
      },
      {
        ...common,
        name: 'under a version below min_decryption_version',
        cmkId: `${NAME}/oldest`,
        envelope: oldest,
      },
      {
        ...common,
        name: 'under a key that was soft-deleted',
        cmkId: `${NAME}/killed`,
        envelope: killed,
      },
      { ...renamed('simple'), name: 'under a key that is not derived' },
      {
        ...orders,
        name: 'whose reader may look at the key and not decrypt',
        token: await token('looker'),
      },
      { ...orders, name: 'whose reader may do nothing', token: await token('default') },
      { ...orders, name: 'whose reader has a token that OpenBao does not know', token: 's.unknown' },
      { ...orders, name: 'while OpenBao is away', url: 'http://127.0.0.1:1' },
    ]
  }

  it('the table of outcomes has each case once', () => {
    expect(cases.map(({ name }) => name)).toEqual(Object.keys(EXPECTED))
  })

  for (const reader of READERS) {
    describe.skipIf(reader.whyNot !== undefined)(suiteOf(reader), () => {
      let found: ReadonlyMap<string, Outcome>
      beforeAll(async () => {
        found = await outcomes(reader, cases)
      })

      for (const [name, outcome] of Object.entries(EXPECTED)) {
        it(`a record ${name} ${verdict(outcome)} in ${reader.language}`, () => {
          expect(found.get(name)).toEqual(outcome)
        })
      }
    })
  }
})
