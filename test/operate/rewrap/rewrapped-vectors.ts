import { readFile, writeFile } from 'node:fs/promises'
import type { KafkaMessage } from 'kafkajs'
import { parseVectors } from '../../../scripts/vectors/try-vectors.js'
import { recordOf, type RuleVector } from '../../../scripts/vectors/rule-vectors.js'
import { createEncryption } from '../../../src/index.js'
import { addCmk, localKms } from '../../../src/kms/local/index.js'
import { rewrapperOf } from '../../../src/operate/rewrap/rewrapper-of.js'
import { temporaryFolder } from '../../kms/local/temporary-folder.js'

const VECTORS = new URL('../../vectors/rules/v1.json', import.meta.url)
const NEW = 'rewrapped'

/**
 * The vectors of rules whose envelopes open, rewrapped: each envelope under a CMK that was not there before, and a rule
 * that accepts this one alone.
 */
export async function rewrappedVectors(): Promise<RuleVector[]> {
  const all = parseVectors(await readFile(VECTORS, 'utf8')) as RuleVector[]
  // A DEK of zeros opens, but nobody makes one, so that it is not rewrapped either.
  const opening = all.filter(
    ({ name, envelope, error, plaintext }) =>
      envelope && error === null && plaintext && !name.endsWith('/dek-zeros'),
  )
  const folder = await temporaryFolder()
  try {
    const rewrapped: RuleVector[] = []
    for (const [i, vector] of opening.entries()) {
      rewrapped.push(await rewrappedVector(vector, folder.at(`${String(i)}.keyring`)))
    }
    return rewrapped
  } finally {
    await folder.remove()
  }
}

async function rewrappedVector(vector: RuleVector, keyring: string): Promise<RuleVector> {
  await writeFile(keyring, JSON.stringify(vector.keyring), { mode: 0o600 })
  await addCmk(keyring, NEW, { type: 'aes-256' })
  const { cmks: ids, require, ...rest } = vector.rule
  const old = ids.map((_, i) => `cmk-${String(i)}`)
  const encryption = await createEncryption<string, string, string>({
    kms: { local: localKms({ keyring }) },
    cmks: Object.fromEntries([
      ...ids.map(([, id], i) => [old[i] ?? '', [{ kms: 'local', id }]] as const),
      [NEW, [{ kms: 'local', id: NEW }]],
    ]),
    topics: [
      {
        match: [vector.topic],
        decrypt: {
          ...{ cmk: old, ...rest },
          require: { bindKey: require.keyBound, bindHeaders: require.headers, context: require.context },
        },
      },
    ],
  })
  try {
    const { rewrapper } = rewrapperOf({
      ...{ encryption, from: vector.topic, verify: true, signal: new AbortController().signal },
      replace: old.map((from) => ({ from, to: NEW })),
      onWaiting: () => undefined,
    })
    const { key, value, headers } = recordOf(vector)
    const message = { key, value, headers, offset: '0', timestamp: '0', attributes: 0 } as KafkaMessage
    const [outcome] = await rewrapper.rewrap(0, [message])
    if (outcome?.as !== 'rewrapped') throw new Error(`${vector.name} was not rewrapped`)
    return {
      ...vector,
      keyring: JSON.parse(await readFile(keyring, 'utf8')) as RuleVector['keyring'],
      rule: { ...vector.rule, cmks: [['local', NEW]], acceptPublicKeySealing: false },
      envelope: outcome.value?.toString('hex') ?? null,
    }
  } finally {
    await encryption.close()
  }
}
