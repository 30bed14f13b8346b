import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { Kafka, logLevel, type KafkaMessage } from 'kafkajs'
import { expect, inject, it } from 'vitest'
import { createEncryption, type Encryption } from '../../src/index.js'
import { localKms } from '../../src/kms/local/index.js'
import { rangesOf } from '../../src/operate/topics/ranges.js'
import { readTopics } from '../../src/operate/topics/read-topics.js'
import { hasEnvelopePrefix } from '../../src/envelope/formats.js'
import { openRecords } from '../../src/record/index.js'
import { parts } from '../support/sealed.js'
import { BROKERS, run } from './commands.js'
import { killAndResume } from './copies.js'
import { createTopic } from './create-topic.js'
import { randomOf } from './random.js'
import { PARTITIONS } from './topic.js'
import { CONFIG_FILE, DEAD_LETTERS_OF } from './variants.js'

const { seed, topic: source, records, folder, truth } = inject('million')
const random = randomOf(seed + 2)
const target = `${source}.rewrapped`
/** So long a process writes at most before it is killed. */
const MAX_MS = records / 80
const kafka = new Kafka({
  brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
  logLevel: logLevel.NOTHING,
})

/** What rewrapping must not change, and each different value once. */
interface Content {
  /** A digest of each record, in order, by partition. */
  readonly digests: readonly string[][]
  /** By what is left of the value without its wrappings. */
  readonly values: ReadonlyMap<string, Buffer>
}

async function contentOf(name: string): Promise<Content> {
  const admin = kafka.admin()
  await admin.connect()
  const ranges = await rangesOf(admin, [name])
  await admin.disconnect()
  const digests: string[][] = Array.from({ length: PARTITIONS }, () => [])
  const values = new Map<string, Buffer>()
  /** Of values that came before: they are few. */
  const known = new Map<string, string>()
  const withoutWrappings = (value: Buffer): string => {
    const whole = value.toString('latin1')
    let rest = known.get(whole)
    if (rest === undefined) {
      rest = restOf(value)
      known.set(whole, rest)
      values.set(rest, Buffer.from(value))
    }
    return rest
  }
  const digestOf = ({ key, value, headers, timestamp }: KafkaMessage): string =>
    digest(
      [key?.toString('latin1'), value && withoutWrappings(value), timestamp, JSON.stringify(headers)].join(
        '|',
      ),
    )
  const left = await readTopics({
    ...{ kafka, purpose: 'compare', ranges },
    onBatch: ({ partition, messages }) => void digests[partition]?.push(...messages.map(digestOf)),
  })
  expect(left).toEqual([])
  return { digests, values }
}

/** Short, because there are two for each record. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}

function restOf(value: Buffer): string {
  if (!hasEnvelopePrefix(value)) return value.toString('base64')
  const { header, iv, tag, body } = parts(value)
  return [header, iv, tag, body].map((part) => part.toString('base64')).join(' ')
}

async function opened(encryption: Encryption, values: readonly Buffer[]): Promise<(string | undefined)[]> {
  const given = values.map((value) => ({ topic: target, value }))
  return (await openRecords(encryption, given)).map(({ value }) => value?.toString())
}

it('rewrapped by processes that are killed, each record is there once and in order, and opens under the new CMK alone', async () => {
  const admin = kafka.admin()
  await admin.connect()
  await createTopic(admin, target)
  const config = join(folder, CONFIG_FILE)
  const args = [
    ...['rewrap', source, '--to', target, '--config', config, '--group', target, ...BROKERS, '--copy-others'],
    ...['cards-2024', 'cards-2025', 'orders-2023'].flatMap((id) => ['--replace', `${id}=cards-2026`]),
    ...['--remove', 'backup', '--json'],
  ]
  await killAndResume(admin, target, args, () => MAX_MS * random())
  const last = await run(args)
  expect(last.stderr).toBe('')
  // What cannot be rewrapped was copied as it is, unless an earlier run was done with all.
  expect([0, 2]).toContain(last.code)
  const [before, after] = [await contentOf(source), await contentOf(target)]
  expect(before.digests.reduce((sum, all) => sum + all.length, 0)).toBe(records)
  for (const [partition, digests] of before.digests.entries()) {
    // Not `toEqual`, which would print a hundred thousand of them.
    expect(after.digests[partition]?.length).toBe(digests.length)
    expect(digests.findIndex((digest, i) => after.digests[partition]?.[i] !== digest)).toBe(-1)
  }
  const sealed = [...after.values].filter(([, value]) => hasEnvelopePrefix(value))
  expect(sealed.length).toBeGreaterThan(1000)
  for (const [, value] of sealed) {
    expect(parts(value).wrappedDeks.map(({ cmkId }) => cmkId)).toEqual(['cards-2026'])
  }
  const originalTopics = [source, DEAD_LETTERS_OF]
  const of = async (ids: readonly string[]): Promise<Encryption> =>
    createEncryption({
      kms: { local: localKms({ keyring: join(folder, 'keyring') }) },
      cmks: { all: ids.map((id) => ({ kms: 'local' as const, id })) },
      topics: [{ match: [target], decrypt: { cmk: 'all', originalTopics, require: { bindKey: false } } }],
    })
  const [old, fresh] = [
    await of(Object.keys(truth.deks).map((cmk) => cmk.slice('local '.length))),
    await of(['cards-2026']),
  ]
  const [wanted, found] = [
    await opened(
      old,
      sealed.map(([rest]) => before.values.get(rest) ?? Buffer.of()),
    ),
    await opened(
      fresh,
      sealed.map(([, value]) => value),
    ),
  ]
  expect(wanted.every((text) => text?.startsWith('{"record":'))).toBe(true)
  expect(found).toEqual(wanted)
  await Promise.all([old.close(), fresh.close()])
  await admin.deleteTopics({ topics: [target] })
  await admin.disconnect()
})
