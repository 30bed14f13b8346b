import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KNOWN_ANSWERS } from '../../src/kms/vault/failures.js'
import type { Kms } from '../../src/kms/kms.js'
import { vaultKms } from '../../src/kms/vault/index.js'
import { startOpenBao, suiteOnOpenBao, whyNoOpenBao, type OpenBao } from '../support/servers/openbao.js'
import { describeProviderPage } from './provider-page.js'

const text = await readFile(new URL('../../docs/vault-kms.md', import.meta.url), 'utf8')

const policies = [...text.matchAll(/^```hcl\n(.*?)^```/gms)].map(([, policy = '']) => policy)

await describeProviderPage({
  page: 'docs/vault-kms.md',
  codes: KNOWN_ANSWERS.flatMap(({ says }) => (says === undefined ? [] : [says])),
  entry: 'kafka-envelope/kms/vault',
  source: 'src/kms/vault/index.ts',
  replaced: [],
})

describe.skipIf(whyNoOpenBao !== undefined)(`the policies of docs/vault-kms.md ${suiteOnOpenBao}`, () => {
  const NAME = 'transit.vault.example.com'
  const { signal } = new AbortController()
  const call = { cmkId: `${NAME}/orders`, context: { tenant: 'acme' }, signal }
  let bao: OpenBao
  let tokens: string[]

  beforeAll(async () => {
    bao = await startOpenBao()
    await bao.admin('POST', 'transit/keys/orders', { derived: true })
    tokens = await Promise.all(
      policies.map(async (policy, at) => {
        await bao.admin('PUT', `sys/policies/acl/role-${String(at)}`, { policy })
        const made = await bao.admin('POST', 'auth/token/create', { policies: [`role-${String(at)}`] })
        return String(made['client_token'])
      }),
    )
  })
  afterAll(() => bao.close())

  /** What a token may do, of all that the provider does. */
  async function rights(token = ''): Promise<Record<string, string>> {
    const own = vaultKms({ address: bao.url, name: NAME, auth: { method: 'token', token } })
    const full = vaultKms({ address: bao.url, name: NAME, auth: { method: 'token', token: bao.rootToken } })
    try {
      const { dek, ciphertextDek } = await full.generateDek(call)
      const codeOf = (made: Promise<unknown>): Promise<string> =>
        made.then(
          () => 'may',
          (error: unknown) => (error as { code: string }).code,
        )
      return {
        generate: await codeOf(own.generateDek(call)),
        wrap: await codeOf(own.wrapDek({ ...call, dek })),
        unwrap: await codeOf(own.unwrapDek({ ...call, ciphertextDek })),
        rewrap: await codeOf(
          (own as Required<Kms>).rewrapDek({ ...call, ciphertextDek, toCmkId: call.cmkId }),
        ),
        verifyGenerate: await codeOf(own.verify({ ...call, use: 'generate' })),
        verifyWrap: await codeOf(own.verify({ ...call, use: 'wrap' })),
        verifyUnwrap: await codeOf(own.verify({ ...call, use: 'unwrap' })),
      }
    } finally {
      await own.close?.()
      await full.close?.()
    }
  }

  it('the policies of docs/vault-kms.md let producers wrap, consumers unwrap, others only re-encrypt, and administrators do none of it', async () => {
    const may = 'may'
    const not = 'KMS_DENIED'
    expect(tokens).toHaveLength(4)
    expect(await rights(tokens[0])).toEqual({
      generate: may,
      wrap: may,
      unwrap: not,
      rewrap: not,
      verifyGenerate: may,
      verifyWrap: may,
      verifyUnwrap: not,
    })
    expect(await rights(tokens[1])).toEqual({
      generate: not,
      wrap: not,
      unwrap: may,
      rewrap: not,
      verifyGenerate: not,
      verifyWrap: not,
      verifyUnwrap: may,
    })
    const nothing = {
      generate: not,
      wrap: not,
      unwrap: not,
      rewrap: not,
      verifyGenerate: not,
      verifyWrap: not,
      verifyUnwrap: not,
    }
    expect(await rights(tokens[2])).toEqual({ ...nothing, rewrap: may })
    expect(await rights(tokens[3])).toEqual(nothing)
  })

  it('the policy of administrators in docs/vault-kms.md pulls the emergency brake, and releases it', async () => {
    const [producer, , , administrator = ''] = tokens
    const pull = async (method: string, path: string): Promise<number> => {
      const headers = { 'x-vault-token': administrator }
      return (await fetch(`${bao.url}/v1/transit/keys/orders/${path}`, { method, headers })).status
    }
    expect(await pull('DELETE', 'soft-delete')).toBeLessThan(300)
    await expect(rights(producer)).rejects.toMatchObject({ code: 'CMK_DISABLED' })
    expect(await pull('POST', 'soft-delete-restore')).toBeLessThan(300)
    expect((await rights(producer))['generate']).toBe('may')
  })
})
