import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { vaultKms } from '../../src/kms/vault/index.js'
import { startOpenBao, suiteOnOpenBao, whyNoOpenBao, type OpenBao } from '../support/servers/openbao.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const text = await readFile(join(root, 'docs/vault-kms.md'), 'utf8')

/** Snippets of a language, also where a list indents them. */
const snippets = (language: string): string[] =>
  [...text.matchAll(new RegExp(`^( *)\`\`\`${language}\n(.*?)^\\1\`\`\``, 'gms'))].map(
    ([, indent = '', code = '']) => code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )

describe('docs/vault-kms.md', () => {
  it.each(snippets('ts').map((code, i) => [i + 1, code] as const))(
    'docs/vault-kms.md runs its TypeScript snippet %i',
    async (_, code) => {
      const folder = await mkdtemp(join(root, 'test/.docs-'))
      try {
        const script = join(folder, 'snippet.ts')
        const runs = code
          .replace("'kafka-envelope'", `'${root}src/index.ts'`)
          .replace("'kafka-envelope/kms/vault'", `'${root}src/kms/vault/index.ts'`)
          // There is no Vault here, so nothing can be proved about it.
          .replace('await encryption.verify()', '')
        await writeFile(script, `${runs}\nif (typeof encryption !== 'undefined') await encryption.close()\n`)
        await promisify(execFile)(process.execPath, ['--import', 'tsx', script], { timeout: 60_000 })
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
  )
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
      snippets('hcl').map(async (policy, at) => {
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
        verifyWrap: await codeOf(own.verify({ ...call, use: 'wrap' })),
        verifyUnwrap: await codeOf(own.verify({ ...call, use: 'unwrap' })),
      }
    } finally {
      await own.close?.()
      await full.close?.()
    }
  }

  it('the policies of docs/vault-kms.md let producers wrap, consumers unwrap, and administrators do neither', async () => {
    const may = 'may'
    const not = 'KMS_DENIED'
    expect(tokens).toHaveLength(3)
    expect(await rights(tokens[0])).toEqual({
      generate: may,
      wrap: may,
      unwrap: not,
      verifyWrap: may,
      verifyUnwrap: not,
    })
    expect(await rights(tokens[1])).toEqual({
      generate: not,
      wrap: not,
      unwrap: may,
      verifyWrap: not,
      verifyUnwrap: may,
    })
    expect(await rights(tokens[2])).toEqual({
      generate: not,
      wrap: not,
      unwrap: not,
      verifyWrap: not,
      verifyUnwrap: not,
    })
  })
})
