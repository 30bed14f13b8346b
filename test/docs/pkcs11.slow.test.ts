import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { failureOf, KNOWN_CODES } from '../../src/kms/pkcs11/failures.js'
import { describeProviderPage } from './provider-page.js'

const text = await readFile(new URL('../../docs/pkcs11.md', import.meta.url), 'utf8')

/** The code of the token, and ours, of each row of the table. */
const rows = [...text.matchAll(/^\| (`[A-Z].*?) +\| `([A-Z_]+)` +\| .* \|$/gm)].flatMap(
  ([, codes = '', ours]) => codes.split(', ').map((code) => [code.replaceAll('`', ''), ours] as const),
)

await describeProviderPage({
  page: 'docs/pkcs11.md',
  codes: KNOWN_CODES,
  entry: 'kafka-envelope/kms/pkcs11',
  source: 'src/kms/pkcs11/index.ts',
  replaced: [],
})

it('docs/pkcs11.md lists each code of a token once', () => {
  expect(rows.map(([code]) => code).sort()).toEqual([...KNOWN_CODES].sort())
})

it.each(rows)('docs/pkcs11.md says what becomes of %s: %s', (code, ours) => {
  expect(failureOf({ code, during: 'C_Decrypt' }, { action: 'unwrap', cmkId: 'cmk' }).code).toBe(ours)
})
