import { expect } from 'vitest'
import { Dek } from '../../src/crypto/dek.js'
import { nodeEngine, type Engine } from '../../src/crypto/engine.js'
import { aadOf, sealOne } from '../support/engine.js'
import { DEFAULT_SUITE } from '../../src/crypto/suites.js'
import type { Header, HeaderValues, WrappedDek } from '../../src/envelope/format.js'
import { DEFAULT_FORMAT } from '../../src/envelope/formats.js'
import type { Bytes } from '../../src/envelope/bytes.js'
import { lengthBytes, writeLengthAt } from '../../src/envelope/write.js'
import { EventHub } from '../../src/events.js'
import { systemClock } from '../../src/clock.js'
import { Dictionaries } from '../../src/record/dictionaries.js'
import { Overrides } from '../../src/record/overrides.js'
import { OpeningKeys } from '../../src/keys/opening/opening-keys.js'
import { CmkSet } from '../../src/kms/cmk-set.js'
import type { Cmk } from '../../src/kms/cmk.js'
import { cmkOf } from '../support/cmks.js'
import type { Kms } from '../../src/kms/kms.js'
import type { CheckedDecryptRule } from '../../src/config/checked.js'
import { Opener } from '../../src/record/opener.js'
import { openAll, type Opening } from '../../src/record/opening.js'
import type { OpenedRecord, OpenedValue, SealedRecord, Source } from '../../src/record/record.js'
import { CANARY, emitted } from '../support/emissions.js'

export const DEK = Buffer.alloc(32, 0x42)

/** The one dictionary of the reader. */
export const DICTIONARY = Buffer.from(`{"value":"${CANARY}"}`)

/** The parts of an envelope to change; the rest is as a writer would write it. */
export interface Craft {
  readonly header?: Partial<Header>
  readonly wrappings?: readonly WrappedDek[]
  readonly body?: Buffer
  readonly key?: Bytes | null
  /** Of the bound headers, in order of their names. */
  readonly headers?: readonly HeaderValues[]
}

export const wrapping = (provider: string, cmkId: string): WrappedDek => ({
  provider,
  cmkId,
  ciphertextDek: Buffer.from(`${provider} ${cmkId}`),
})

/** An envelope that was sealed with the given header. */
export function craft({ header: given, wrappings, body, key, headers = [] }: Craft = {}): Buffer {
  const sessionId = Buffer.alloc(16, 1)
  const contentKey = Dek.take(Uint8Array.from(DEK)).contentKey(DEFAULT_SUITE, sessionId)
  const header: Header = {
    suite: 1,
    compression: 0,
    dictionary: Buffer.alloc(0),
    keyBound: true,
    boundHeaders: [],
    topic: 't',
    context: [],
    sessionId,
    commitment: contentKey.commitment,
    ...given,
  }
  const headerBytes = DEFAULT_FORMAT.encodeHeader(header)
  const preamble = DEFAULT_FORMAT.encodePreamble(wrappings ?? [wrapping('near', 'a')], headerBytes)
  const plaintext = body ?? Buffer.from(CANARY)
  const lengthAt = preamble.length + 28
  const bodyAt = lengthAt + lengthBytes(plaintext.length)
  const target = Buffer.alloc(bodyAt + plaintext.length)
  preamble.copy(target)
  writeLengthAt(target, lengthAt, plaintext.length)
  const aad = aadOf(DEFAULT_FORMAT.aadBase(headerBytes), header.keyBound ? (key ?? null) : undefined, headers)
  const places = { ivAt: preamble.length, tagAt: preamble.length + 12, bodyAt }
  sealOne(nodeEngine, contentKey, 0, { plaintext, aad, target, ...places })
  return target
}

/** A CMK of a KMS that answers with `answer()`; its unwraps are counted in `asked`. */
export async function cmk(
  { provider, cmkId }: { provider: string; cmkId: string },
  asked: string[],
  answer: () => Uint8Array | Error = () => Uint8Array.from(DEK),
  publicKeyWraps = false,
): Promise<Cmk> {
  const unused = (): Promise<never> => Promise.reject(new Error('only unwraps'))
  const kms: Kms = {
    describe: () => Promise.resolve({ provider, publicKeyWraps }),
    unwrapDek: () => {
      asked.push(`${provider} ${cmkId}`)
      const result = answer()
      return result instanceof Error ? Promise.reject(result) : Promise.resolve(result)
    },
    generateDek: unused,
    wrapDek: unused,
    verify: unused,
  }
  return cmkOf(provider, kms, cmkId)
}

/** A rule that requires only what is given. */
export type Rule = Partial<Omit<CheckedDecryptRule, 'require'>> & {
  require?: Partial<CheckedDecryptRule['require']>
}

/** Opens one record of topic `t`: its value as text, or the code of the failure. */
export async function open(
  record: SealedRecord,
  cmks: readonly Cmk[],
  rule: Rule = {},
): Promise<string | null> {
  const { error, value } = await opened(record, cmks, rule)
  return error === undefined ? (value?.toString() ?? null) : error.code
}

/** Opens one record of topic `t`: in a run, and then alone, with the same outcome. */
export async function opened(
  record: SealedRecord,
  cmks: readonly Cmk[],
  rule: Rule = {},
): Promise<OpenedRecord> {
  const opener = openerOf(cmks, rule)
  const [result] = await openAll(opener.begin({ topic: 't' }, [record]))
  if (result === undefined) throw new Error('no result')
  const opensAlone = result.error === undefined && (result.envelope?.compression ?? 'none') === 'none'
  expect(opener.openAlone({ topic: 't' }, record)).toEqual(opensAlone ? result : undefined)
  if (result.error !== undefined) emitted('error', result.error)
  return result
}

/** An opener for records of topic `t`. */
export function openerOf(
  cmks: readonly Cmk[],
  rule: Rule = {},
  engine: Engine = nodeEngine,
): {
  begin: (source: Source, records: readonly SealedRecord[]) => Opening
  openAlone: (source: Source, record: SealedRecord) => OpenedValue | undefined
} {
  const decrypt: CheckedDecryptRule = {
    cmks: ['c'],
    originalTopics: [],
    acceptPublicKeySealing: false,
    tombstones: 'pass',
    onInvalid: 'stop',
    onUnreadable: 'stop',
    maxInvalidShare: 1,
    plaintext: { untilOffsets: new Map(), fingerprints: [] },
    maxDecompressedBytes: 1 << 20,
    ...rule,
    require: { bindKey: true, bindHeaders: [], context: {}, ...rule.require },
  }
  const keys = new OpeningKeys({ maxDeks: 10, ttlMs: 60_000 }, systemClock, new EventHub())
  const opener = new Opener(keys, engine)
  const read = {
    name: 'r',
    decrypt,
    cmks: CmkSet.forOpening(cmks as [Cmk, ...Cmk[]]),
    dictionaries: new Dictionaries([['known', DICTIONARY]], nodeEngine),
    overrides: new Overrides([], 'r', systemClock),
  }
  return {
    begin: (source, records) => opener.begin(read, source, records),
    openAlone: (source, record) => opener.openAlone(read, source, record),
  }
}
