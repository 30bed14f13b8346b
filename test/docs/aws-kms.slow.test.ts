import { generateKeyPairSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { KNOWN_CODES } from '../../src/kms/aws/failures.js'
import { describeProviderPage } from './provider-page.js'

const page = 'docs/aws-kms.md'
const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()

await describeProviderPage({
  page,
  codes: KNOWN_CODES,
  entry: 'kafka-envelope/kms/aws',
  source: 'src/kms/aws/index.ts',
  replaced: [[/process\.env\.ORDERS_PUBLIC_KEY/, JSON.stringify(pem)]],
})

interface Policy {
  readonly Version: string
  readonly Statement: readonly {
    readonly Effect: string
    readonly Action: readonly string[]
    readonly Resource: readonly string[]
  }[]
}

it(`${page} shows policies that IAM can parse, with no more rights than the library needs`, async () => {
  const text = await readFile(new URL(`../../${page}`, import.meta.url), 'utf8')
  const policies = [...text.matchAll(/^```json\n(.*?)^```/gms)].map(
    ([, json = '']) => JSON.parse(json) as Policy,
  )
  expect(policies).toHaveLength(4)
  for (const { Version, Statement } of policies) {
    expect(Version).toBe('2012-10-17')
    for (const { Effect, Action, Resource } of Statement) {
      expect(['Allow', 'Deny']).toContain(Effect)
      for (const each of Action) expect(each).toMatch(/^kms:[A-Z][A-Za-z0-9]+\*?$/)
      for (const each of Resource)
        expect(each).toMatch(/^(\*|arn:aws:kms:eu-west-1:\d{12}:key\/[0-9a-f-]{36})$/)
    }
  }
  const allowed = policies.map(({ Statement }) =>
    Statement.filter(({ Effect }) => Effect === 'Allow').flatMap(({ Action }) => Action),
  )
  expect(allowed.slice(0, 3)).toEqual([
    ['kms:GenerateDataKey'],
    ['kms:Decrypt'],
    ['kms:ReEncryptFrom', 'kms:ReEncryptTo'],
  ])
  expect(allowed[3]?.filter((action) => /Decrypt|Encrypt|DataKey|Grant|Deletion$/.test(action))).toEqual([
    'kms:CancelKeyDeletion',
  ])
  const denied = policies[3]?.Statement.find(({ Effect }) => Effect === 'Deny')
  expect(denied?.Resource).toEqual(['*'])
  expect(denied?.Action).toEqual(
    expect.arrayContaining(
      [
        'GenerateDataKey*',
        'Encrypt',
        'Decrypt',
        'ReEncrypt*',
        'CreateGrant',
        'ReplicateKey',
        'PutKeyPolicy',
      ].map((action) => `kms:${action}`),
    ),
  )
})
