import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KafkaMessage } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Header } from '../../src/envelope/format.js'
import { decodePreamble, DEFAULT_FORMAT } from '../../src/envelope/formats.js'
import {
  createEncryption,
  isEnvelopeError,
  type Encryption,
  type EncryptRule,
  type DecryptRule,
} from '../../src/index.js'
import { createKeyring, localKms } from '../../src/kms/local/index.js'
import { consume, message } from '../clients/kafkajs/consuming.js'
import { CANARY } from '../support/emissions.js'
import { sealRecords } from '../../src/record/index.js'

/* The table of attacks in SECURITY.md, row by row: each record under each setting, followed by a genuine one. */

const SETTINGS = {
  stop: { onInvalid: 'stop', onUnreadable: 'stop' },
  skip: { onInvalid: 'skip', onUnreadable: 'stop' },
  deadLetter: { onInvalid: { deadLetter: 'dead' }, onUnreadable: { deadLetter: 'dead' } },
} satisfies Record<string, Omit<DecryptRule, 'cmk'>>

const replace = () => ({ value: null })
const ASKS = { onInvalid: replace, onUnreadable: replace }

let folder = ''
let rows: string[][] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attacks-'))
  await createKeyring(join(folder, 'keyring'), [
    { id: 'a', type: 'aes-256' },
    { id: 'b', type: 'aes-256' },
  ])
  const page = await readFile(new URL('../../SECURITY.md', import.meta.url), 'utf8')
  const table = page.slice(page.indexOf('<!-- Attacks'), page.indexOf('<!-- End of attacks'))
  rows = table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    )
})

afterAll(() => rm(folder, { recursive: true, force: true }))

function ownerOf(
  decrypt: Omit<DecryptRule<'main'>, 'cmk'>,
  encrypt: Partial<EncryptRule<'main'>> = {},
): Promise<Encryption> {
  return createEncryption({
    kms: { local: localKms({ keyring: join(folder, 'keyring') }) },
    cmks: {
      main: [
        { kms: 'local', id: 'a' },
        { kms: 'local', id: 'b' },
      ],
    },
    topics: [
      { match: ['t'], encrypt: { cmk: 'main', ...encrypt }, decrypt: { cmk: 'main', ...decrypt } },
      { match: ['other'], encrypt: { cmk: 'main' } },
    ],
  })
}

type Wrapping = ReturnType<typeof decodePreamble>['wrappedDeks'][number]

function forged(
  value: Buffer,
  header: Partial<Header>,
  wrapping: (one: Wrapping, i: number) => Wrapping,
): Buffer {
  const { wrappedDeks, header: given, bytes } = decodePreamble(value)
  return Buffer.concat([
    DEFAULT_FORMAT.encodePreamble(
      wrappedDeks.map(wrapping),
      DEFAULT_FORMAT.encodeHeader({ ...given, ...header }),
    ),
    value.subarray(bytes.length),
  ])
}

const same = (one: Wrapping): Wrapping => one
/** Another than was wrapped, under the same version of the CMK. */
const garbage = (one: Wrapping): Wrapping => {
  const ciphertextDek = Buffer.from(one.ciphertextDek)
  ciphertextDek.writeUInt8(ciphertextDek.readUInt8(ciphertextDek.length - 1) ^ 1, ciphertextDek.length - 1)
  return { ...one, ciphertextDek }
}

/** From a genuine record of topic `t`, one of another topic, and one of `t` that decompresses to 8 KiB. */
type Attack = (genuine: Buffer, other: Buffer, large: Buffer) => KafkaMessage[]
const value =
  (change: (...records: Parameters<Attack>) => Buffer | null): Attack =>
  (...records) => [message(change(...records), 1)]

const ATTACKS: Record<string, Attack> = {
  plaintext: value(() => Buffer.from('not sealed')),
  'bytes that begin like another Avro format': value(() =>
    Buffer.concat([Buffer.of(0xc3, 1), randomBytes(8)]),
  ),
  'an envelope cut short': value((genuine) => genuine.subarray(0, -1)),
  'an unknown suite': value((genuine) => forged(genuine, { suite: 2 }, same)),
  'an unknown compression': value((genuine) => forged(genuine, { compression: 9 }, same)),
  'an unknown dictionary': value((genuine) =>
    forged(genuine, { compression: 3, dictionary: Buffer.alloc(32) }, same),
  ),
  'a CMK that the rule does not name': value((genuine) =>
    forged(genuine, {}, (one, i) => ({ ...one, cmkId: `nobody-${String(i)}` })),
  ),
  'a forged ciphertext DEK': value((genuine) =>
    forged(genuine, {}, (one, i) => (i === 0 ? garbage(one) : { ...one, cmkId: 'nobody' })),
  ),
  'a version that a local CMK does not have': value((genuine) =>
    forged(genuine, {}, (one) => {
      const ciphertextDek = Buffer.from(one.ciphertextDek)
      ciphertextDek.writeUInt32BE(9999, 0)
      return { ...one, ciphertextDek }
    }),
  ),
  'forged ciphertext DEKs under several CMKs': value((genuine) => forged(genuine, {}, garbage)),
  'a forged session id or commitment': value((genuine) =>
    forged(genuine, { sessionId: randomBytes(16) }, same),
  ),
  'a changed body': value((genuine) => {
    const changed = Buffer.from(genuine)
    changed.writeUInt8(changed.readUInt8(changed.length - 1) ^ 1, changed.length - 1)
    return changed
  }),
  'a changed key': (genuine) => [{ ...message(genuine, 1), key: Buffer.from('other') }],
  'a record copied from another topic': value((_, other) => other),
  'a null value where the rule refuses them': value(() => null),
  'a null value where the rule lets them pass': value(() => null),
  'a genuine record that decompresses to more than maxDecompressedBytes': value((_, __, large) => large),
  'a genuine record once more, also on another partition': value((genuine) => genuine),
  'a genuine record with other headers that are not bound': (genuine) => [
    { ...message(genuine, 1), headers: { h: 'x' } } as KafkaMessage,
  ],
  'a flood: 501 of 1,000 records invalid': () =>
    Array.from({ length: 501 }, (_, i) => message(Buffer.from('not sealed'), i + 1)),
}

/** By a producer whose own rule reads more. */
async function large(): Promise<Buffer> {
  const encryption = await ownerOf({}, { compression: 'gzip' })
  const [sealed] = await sealRecords(encryption, [{ topic: 't', value: Buffer.alloc(8192, CANARY) }])
  await encryption.close()
  return sealed?.value as Buffer
}

/** The result of an attack, and the code. */
async function outcome(
  attack: Attack,
  setting: Omit<DecryptRule, 'cmk'>,
): Promise<[what: string, code: string]> {
  let asked = 0
  const encryption = await ownerOf({ ...setting, maxDecompressedBytes: 4096 })
  const codes: string[] = []
  encryption.on('record.rejected', ({ code }) => codes.push(code))
  encryption.on('record.rejected', ({ action }) => {
    if (action === 'replace') asked++
  })
  const [genuine, other] = await sealRecords(encryption, [
    { topic: 't', value: CANARY },
    { topic: 'other', value: CANARY },
  ])
  const bad = attack(genuine?.value as Buffer, other?.value as Buffer, await large())
  const behind = message(genuine?.value as Buffer, bad.length + 1)
  const { batch, delivered, letters } = await consume(encryption)
  try {
    await batch([message(genuine?.value as Buffer, 0), ...bad, behind])
  } catch (error) {
    if (!isEnvelopeError(error)) throw error
    expect(error.retriable).toBe(false)
    expect(delivered.at(-1)).not.toBe(behind.offset)
    return ['stops', error.code]
  } finally {
    await encryption.close()
  }
  expect([delivered[0], delivered.at(-1)]).toEqual(['0', behind.offset])
  if (asked > 0) return ['asked', codes[0] ?? '']
  if (letters.length > 0) return ['dead letter', codes[0] ?? '']
  return [delivered.length === 3 ? 'delivered' : 'skipped', codes[0] ?? '']
}

describe('the attacks in SECURITY.md', () => {
  it('the attacks in SECURITY.md are the ones that these tests try', () => {
    expect(rows.map(([record]) => record)).toEqual(Object.keys(ATTACKS))
  })

  it.each(Object.entries(ATTACKS))(
    'the attack "%s" causes what the table says under each setting',
    async (name, attack) => {
      const [, code = '', kind, stop, skip, dead, asks] = rows.find(([record]) => record === name) ?? []
      const refuses = name.includes('refuses') ? { tombstones: 'reject' as const } : {}
      // A stop says the code of the record; a flood stops under `stop` at its first.
      const isFlood = name.startsWith('a flood')
      expect(await outcome(attack, { ...SETTINGS.stop, ...refuses })).toEqual([
        stop,
        isFlood ? 'NOT_SEALED' : code,
      ])
      expect(await outcome(attack, { ...SETTINGS.deadLetter, ...refuses })).toEqual([dead, code])
      expect(await outcome(attack, { ...ASKS, ...refuses })).toEqual([asks, code])
      if (kind === 'unreadable') expect(skip).toBe('–')
      else expect(await outcome(attack, { ...SETTINGS.skip, ...refuses })).toEqual([skip, code])
    },
  )

  it('a record above 128 MiB stops a consumer that would make it a dead letter; skip passes it', async () => {
    const bomb = Buffer.alloc(2 ** 27 + 1)
    const attack = value(() => bomb)
    expect(await outcome(attack, SETTINGS.deadLetter)).toEqual(['stops', 'DEAD_LETTER_REFUSED'])
    expect(await outcome(attack, SETTINGS.skip)).toEqual(['skipped', 'NOT_SEALED'])
    expect(await outcome(attack, ASKS)).toEqual(['asked', 'NOT_SEALED'])
  })
})
