import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { KNOWN_CODES } from '../../src/kms/tencent/failures.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const text = await readFile(join(root, 'docs/tencent-kms.md'), 'utf8')

/** Snippets of a language, also where a list indents them. */
const snippets = (language: string): string[] =>
  [...text.matchAll(new RegExp(`^( *)\`\`\`${language}\n(.*?)^\\1\`\`\``, 'gms'))].map(
    ([, indent = '', code = '']) => code.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )

describe('docs/tencent-kms.md', () => {
  it('docs/tencent-kms.md has a row for every code of the vendor that this library distinguishes', () => {
    expect(KNOWN_CODES.filter((code) => !text.includes(`\`${code}\``))).toEqual([])
  })

  it('docs/tencent-kms.md shows policies that CAM can parse, for resources in the form that KMS uses', () => {
    const policies = snippets('json').map((json) => JSON.parse(json) as Policy)
    expect(policies).toHaveLength(4)
    for (const { version, statement } of policies) {
      expect(version).toBe('2.0')
      for (const { effect, action, resource } of statement) {
        expect(['allow', 'deny']).toContain(effect)
        for (const each of action) expect(each).toMatch(/^kms:[A-Z][A-Za-z0-9]+$/)
        for (const each of resource)
          expect(each).toMatch(/^(\*|qcs::kms:ap-guangzhou:uin\/\d+:key\/creatorUin\/\d+\/[0-9a-f-]{36})$/)
      }
    }
    const allowed = policies.map(
      ({ statement }) => statement.find(({ effect }) => effect === 'allow')?.action,
    )
    expect(allowed.slice(0, 3)).toEqual([['kms:GenerateDataKey'], ['kms:Decrypt'], ['kms:ReEncrypt']])
    expect(allowed[3]?.filter((action) => /Decrypt|Encrypt|DataKey|Deletion$/.test(action))).toEqual([
      'kms:CancelKeyDeletion',
    ])
  })

  it.each(snippets('ts').map((code, i) => [i + 1, code] as const))(
    'docs/tencent-kms.md runs its TypeScript snippet %i',
    async (_, code) => {
      const folder = await mkdtemp(join(root, 'test/.docs-'))
      try {
        const script = join(folder, 'snippet.ts')
        const runs = code
          .replace("'kafka-envelope'", `'${root}src/index.ts'`)
          .replace("'kafka-envelope/kms/tencent'", `'${root}src/kms/tencent/index.ts'`)
          // There is no KMS here, so nothing can be proved about it.
          .replace('await encryption.verify()', '')
        await writeFile(script, `${runs}\nif (typeof encryption !== 'undefined') await encryption.close()\n`)
        const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
        const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
        await promisify(execFile)(process.execPath, ['--import', 'tsx', script], {
          env: { ...process.env, ORDERS_PUBLIC_KEY: pem },
          timeout: 60_000,
        })
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
  )

  it('docs/tencent-kms.md has correct counts in its examples', () => {
    const rows = [...text.matchAll(/\| ([\d,]+) +\| ([\d,]+) +\| ([\d,]+) +\| \$([\d,.]+) +\|/g)]
    expect(rows).toHaveLength(4)
    for (const [, , seals, opens, dollars] of rows) {
      const number = (of = ''): number => Number(of.replaceAll(',', ''))
      const paid = Math.max(0, 30 * (number(seals) + number(opens)) - 20_000)
      expect(number(dollars)).toBeCloseTo(30 * 0.06 + (paid / 10_000) * 0.18, 2)
    }
  })
})

interface Policy {
  readonly version: string
  readonly statement: readonly {
    readonly effect: string
    readonly action: readonly string[]
    readonly resource: readonly string[]
  }[]
}
