import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { createEncryption, type Encryption } from '../../src/index.js'
import { localKms } from '../../src/kms/local/index.js'
import { hex, outcomeOf, partsOf, recordMembers, type Outcome } from './vector.js'
import { openRecords, type ReadRecord } from '../../src/record/index.js'

/** A test vector as `docs/format.md`, section 17.1 describes it: a keyring and a rule are given. */
export const ruleVector = v.object({
  ...recordMembers,
  keyring: v.looseObject({}),
  rule: v.strictObject({
    cmks: v.array(v.tuple([v.string(), v.string()])),
    acceptPublicKeySealing: v.boolean(),
    originalTopics: v.array(v.string()),
    require: v.strictObject({
      keyBound: v.boolean(),
      headers: v.array(v.string()),
      context: v.record(v.string(), v.string()),
    }),
    tombstones: v.picklist(['pass', 'reject']),
    maxDecompressedBytes: v.number(),
  }),
  envelope: v.nullable(hex),
})

export type RuleVector = v.InferOutput<typeof ruleVector>

/** Opens a vector as a reader with its keyring and rule would. */
export function openRuleVector(vector: RuleVector): Promise<Outcome> {
  return withReader(vector, async (encryption) => {
    const [opened] = await openRecords(encryption, [recordOf(vector)])
    return outcomeOf(opened)
  })
}

/** The record of a vector. */
export function recordOf(vector: RuleVector): ReadRecord & { readonly topic: string } {
  const { topic, envelope } = vector
  return { topic, value: envelope === null ? null : Buffer.from(envelope, 'hex'), ...partsOf(vector) }
}

/** Lends a reader with the keyring and the rule of a vector. */
export async function withReader<T>(
  vector: RuleVector,
  use: (encryption: Encryption) => Promise<T>,
): Promise<T> {
  const { topic, rule } = vector
  const folder = await mkdtemp(join(tmpdir(), 'kafka-envelope-vectors-'))
  try {
    const keyring = join(folder, 'keyring')
    await writeFile(keyring, JSON.stringify(vector.keyring), { mode: 0o600 })
    const { cmks, require, ...rest } = rule
    const { keyBound: bindKey, headers: bindHeaders, context } = require
    const names = cmks.map((_, i) => `cmk-${String(i)}`)
    const encryption = await createEncryption({
      kms: { local: localKms({ keyring }) },
      cmks: Object.fromEntries(cmks.map(([, id], i) => [names[i] ?? '', [{ kms: 'local' as const, id }]])),
      topics: [
        { match: [topic], decrypt: { cmk: names, ...rest, require: { bindKey, bindHeaders, context } } },
      ],
    })
    try {
      return await use(encryption)
    } finally {
      await encryption.close()
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}
