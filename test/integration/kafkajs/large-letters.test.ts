import { randomBytes } from 'node:crypto'
import { CompressionTypes, type Message } from 'kafkajs'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'
import { testKafka } from '../../support/broker.js'
import { groupsReady } from '../support/groups.js'
import {
  headersOf,
  lettersFixture,
  named,
  noting,
  standingOn,
  writeMixed,
  type Letters,
} from '../support/letters.js'
import { until } from '../support/pair.js'

/*
 * The ways in which anyone who can write to a topic can make a dead letter larger than its record, or too large for its
 * topic. The topics for dead letters take the default of a broker.
 */

const MIB = 2 ** 20
let letters: Letters

beforeAll(groupsReady)

afterEach(async () => {
  vi.restoreAllMocks()
  await letters.end()
})

/** Writes a record, and then a good one; resolves to the dead letter once the good one is delivered. */
async function passed(record: Message, compression: CompressionTypes = CompressionTypes.None) {
  letters = await lettersFixture()
  await letters.plain.send({ topic: letters.topic, compression, messages: [record] })
  vi.restoreAllMocks()
  await writeMixed(letters, 1, [])
  const seen: number[] = []
  const consumer = await letters.consumer({}, { deadLetters: letters.plain })
  await consumer.run(noting('eachMessage', seen))
  await until(
    'the good record',
    () => seen.length > 0 || named(letters, 'consumer.stopped').length > 0,
    60_000,
  )
  return { seen, fatal: named(letters, 'consumer.stopped') }
}

it('105 MiB of zeros in a gzip batch, above what a broker takes in a request, become a compressed dead letter', async () => {
  const { seen, fatal } = await passed({ value: Buffer.alloc(105 * MIB) }, CompressionTypes.GZIP)
  expect([seen, fatal]).toEqual([[0], []])
  const admin = testKafka().admin()
  await admin.connect()
  expect((await admin.fetchTopicOffsets(letters.deadLetterTopic))[0]?.high).toBe('1')
  await admin.disconnect()
}, 120_000)

it('129 MiB of zeros are refused at once, and stop the consumer with an error that says so', async () => {
  const { seen, fatal } = await passed({ value: Buffer.alloc(129 * MIB) }, CompressionTypes.GZIP)
  expect(seen).toEqual([])
  expect(fatal).toMatchObject([{ code: 'DEAD_LETTER_REFUSED', offset: '0' }])
  expect(fatal[0]?.message).toContain('the limit is 134217728')
}, 120_000)

it('a null header with a name of 600,000 bytes adds no more than a bounded note to its dead letter', async () => {
  const name = randomBytes(450_000).toString('base64url')
  // KafkaJS cannot measure a null header, which other clients write.
  const { byteLength } = Buffer
  vi.spyOn(Buffer, 'byteLength').mockImplementation((value, encoding) =>
    (value as unknown) === null ? 0 : byteLength(value, encoding),
  )
  const { seen, fatal } = await passed({
    value: 'x',
    headers: { [name]: null as never, small: null as never },
  })
  expect([seen, fatal]).toEqual([[0], []])
  const [letter] = await standingOn(letters.deadLetterTopic)
  expect(headersOf(letter ?? {})).toMatchObject({
    [name]: [''],
    'kafka-envelope.null-headers': ['["small"]'],
    'kafka-envelope.null-headers-omitted': ['1'],
  })
}, 60_000)

it('a header name that is not UTF-8, which KafkaJS reads as twice as many bytes, still fits', async () => {
  // Each byte stands for a character while the record is written.
  const name = randomBytes(900_000).toString('latin1')
  const { byteLength } = Buffer
  const write = Object.getOwnPropertyDescriptor(Buffer.prototype, 'write')?.value as (
    text: string,
    offset: number,
    length: number,
    encoding: BufferEncoding,
  ) => number
  vi.spyOn(Buffer, 'byteLength').mockImplementation((value, encoding) =>
    value === name ? name.length : byteLength(value, encoding),
  )
  vi.spyOn(Buffer.prototype, 'write').mockImplementation(function (this: Buffer, ...given: unknown[]) {
    const [text, offset, length, encoding] = given as [string, number, number, BufferEncoding]
    return write.call(this, text, offset, length, text === name ? 'latin1' : encoding)
  })
  const { seen, fatal } = await passed({ value: 'x', headers: { [name]: '1' } })
  expect([seen, fatal]).toEqual([[0], []])
  const [letter] = await standingOn(letters.deadLetterTopic)
  expect(headersOf(letter ?? {})['kafka-envelope.replaced-names']).toEqual(['1'])
}, 60_000)
