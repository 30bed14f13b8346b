import { openRecords, sealRecords } from '../../src/record/index.js'
import type { Encryption } from '../../src/index.js'
import { figureOver, type Case, type Metric } from '../harness/result.js'
import { emulatedCmk } from './emulator.js'
import { onEngine } from './engines.js'
import { checkOpened, configFor, KIB, MIB, NO_QUOTA, randomValues, recordsOf, type Run } from './setup.js'

const ROUNDS = 20
/** What a call within a region takes, about. No vendor publishes a figure; what depends on it is proportional to it. */
const KMS_MS = 20
const SIZES = [64, KIB, 4 * KIB, 100 * KIB, MIB]
const MAX_SECRET_BYTES = 4 * KIB
/** Values for which a DEK is in use. */
const REPEATS = 20

/** One value in one direction. */
interface Measured {
  readonly ms: number
  readonly calls: number
}

/** What a value of one size takes in one way. */
interface Round {
  readonly encrypt: Measured
  readonly decrypt: Measured
  readonly bytes: number
}

type Way = (value: Buffer) => Promise<Round>

/** A value that the KMS encrypts itself, and the same value in an envelope, whose DEK is new or in use. */
export function secrets(): Run[] {
  return SIZES.map((valueBytes) => ({
    name: `value-${String(valueBytes)}`,
    measure: async () => [await secretsCase(valueBytes)],
  }))
}

async function secretsCase(valueBytes: number): Promise<Case> {
  const cmk = await emulatedCmk({ delayMs: KMS_MS })
  const kms = cmk.newKms()
  const { encryption } = await onEngine(
    'node',
    configFor(kms, {}, { ...NO_QUOTA, cmks: { bench: [{ kms: 'bench', id: cmk.id }] } }),
  )
  let calls = 0
  encryption.on('kms.call', () => calls++)
  const measured = async <T>(work: () => Promise<T>, values = 1): Promise<[T, Measured]> => {
    const before = calls
    const start = performance.now()
    const result = await work()
    return [result, { ms: (performance.now() - start) / values, calls: (calls - before) / values }]
  }
  const ways = waysOf(encryption, cmk.id, measured)
  const rounds = new Map<string, Round[]>()
  for (let round = -2; round < ROUNDS; round++) {
    const [value] = randomValues(1, valueBytes) as [Buffer]
    for (const [name, way] of Object.entries(ways)) {
      if (name === 'secret' && valueBytes > MAX_SECRET_BYTES) continue
      const done = await way(value)
      if (round >= 0) rounds.set(name, [...(rounds.get(name) ?? []), done])
    }
  }
  await encryption.close()
  await cmk.close()
  return caseOf(valueBytes, rounds)
}

function waysOf(
  encryption: Encryption,
  cmkId: string,
  measured: <T>(work: () => Promise<T>, values?: number) => Promise<[T, Measured]>,
): Readonly<Record<string, Way>> {
  const direct = encryption.secrets('bench')
  const envelope = (repeats: number): Way =>
    async function (value) {
      const records = recordsOf('bench', [value])
      let sealed = await sealRecords(encryption, records)
      // Only the first value of a DEK makes calls, one for each direction.
      if (repeats === 1) encryption.evict(cmkId)
      else checkOpened(await openRecords(encryption, sealed))
      const [, encrypt] = await measured(async () => {
        for (let i = 0; i < repeats; i++) sealed = await sealRecords(encryption, records)
      }, repeats)
      const [, decrypt] = await measured(async () => {
        for (let i = 0; i < repeats; i++) checkOpened(await openRecords(encryption, sealed))
      }, repeats)
      return { encrypt, decrypt, bytes: sealed[0]?.value?.length ?? 0 }
    }
  return {
    async secret(value) {
      const [encrypted, encrypt] = await measured(() => direct.encrypt(value))
      const [decrypted, decrypt] = await measured(() => direct.decrypt(encrypted))
      if (!decrypted.equals(value)) throw new Error('a secret did not decrypt')
      return { encrypt, decrypt, bytes: encrypted.length }
    },
    'envelope, new DEK': envelope(1),
    'envelope, DEK in use': envelope(REPEATS),
  }
}

function caseOf(valueBytes: number, rounds: ReadonlyMap<string, readonly Round[]>): Case {
  const METRICS: readonly [Metric, (round: Round) => number][] = [
    ['encryptMilliseconds', ({ encrypt }) => encrypt.ms],
    ['decryptMilliseconds', ({ decrypt }) => decrypt.ms],
    ['kmsCallsToEncrypt', ({ encrypt }) => encrypt.calls],
    ['kmsCallsToDecrypt', ({ decrypt }) => decrypt.calls],
    ['storedBytes', ({ bytes }) => bytes],
  ]
  return {
    part: 'secrets',
    name: 'one value',
    parameters: { valueBytes, kmsMilliseconds: KMS_MS },
    rounds: ROUNDS,
    figures: [...rounds].flatMap(([contender, own]) =>
      METRICS.map(([metric, of]) => figureOver(contender, metric, own.map(of))),
    ),
  }
}
