import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { expect, inject, it } from 'vitest'
import { fetchRecord, inspectRecord, type ValueDescription } from '../../src/operate/index.js'
import { BROKERS, run } from './commands.js'
import { randomOf } from './random.js'
import { CONFIG_FILE } from './variants.js'

const { seed, topic, folder, truth } = inject('million')
const random = randomOf(seed + 3)
const kafka = new Kafka({
  brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','),
  logLevel: logLevel.NOTHING,
})

interface Place {
  readonly partition: number
  readonly offset: string
  /** A row of the report that counts the record there. */
  readonly row: string
}

/** The first and the last record of each row, in each partition. */
const places = truth.partitions.flatMap(({ rows }, partition) =>
  Object.entries(rows).flatMap(([row, { first, last }]) => [
    { partition, row, offset: first },
    { partition, row, offset: last },
  ]),
)

function some(count: number, from: readonly Place[]): Place[] {
  return Array.from({ length: count }, () => from[Math.floor(random() * from.length)]).filter(
    (place) => place !== undefined,
  )
}

/** What a scan would call the record. */
function rowsOf(value: ValueDescription): string[] {
  switch (value.form) {
    case 'tombstone':
    case 'plaintext':
      return [`kind ${value.form}`]
    case 'confluent':
      return ['kind plaintext']
    case 'avro':
      return value.fingerprint === undefined
        ? ['kind malformed']
        : ['kind unknownFormat', `format Avro schema ${value.fingerprint}`]
    case 'envelope': {
      const { header, wrappings = [], malformed } = value
      if (malformed !== undefined || header === undefined) return ['kind malformed']
      const cmks = wrappings.map(({ provider, cmkId }) => `${provider} ${cmkId}`)
      const context = Object.entries(header.context).map((entry) => entry.join('='))
      return [
        'kind sealed',
        `format v${String(value.version)}`,
        `suite ${String(header.suite)}`,
        `compression ${header.compression.name ?? ''}`,
        `context ${context.join(',')}`,
        `sealedFor ${header.topic}`,
        ...cmks.map((cmk) => `cmk ${cmk}`),
        ...(cmks.length === 1 ? [`onlyCmk ${cmks.join('')}`] : []),
      ]
    }
  }
}

it('inspect shows of a record what was written there', async () => {
  for (const { partition, offset, row } of some(30, places)) {
    const record = await fetchRecord({ kafka, place: { topic, partition, offset: BigInt(offset) } })
    const { value } = await inspectRecord(record)
    expect({ partition, offset, rows: rowsOf(value) }).toEqual({
      ...{ partition, offset },
      rows: expect.arrayContaining([row]) as unknown,
    })
  }
})

it('inspect opens what a consumer would get, and has the code of what it would refuse', async () => {
  const inspect = async ({ partition, offset }: Place): Promise<[code: number | null, seen: Seen]> => {
    const config = ['--config', join(folder, CONFIG_FILE), '--open', '--json']
    const { code, stdout } = await run([
      'inspect',
      `${topic}:${String(partition)}:${offset}`,
      ...BROKERS,
      ...config,
    ])
    return [code, JSON.parse(stdout) as Seen]
  }
  const of = (kind: string): Place[] =>
    some(
      2,
      places.filter(({ row }) => row === `kind ${kind}`),
    )
  for (const place of of('sealed')) {
    const [code, { opened, trial }] = await inspect(place)
    expect([code, trial.outcome]).toEqual([0, 'opened'])
    expect(opened?.text).toMatch(/^\{"record":/)
  }
  for (const [kind, refusal] of [
    ['plaintext', 'NOT_SEALED'],
    ['unknownFormat', 'UNKNOWN_FORMAT'],
    ['malformed', 'MALFORMED'],
  ] as const) {
    for (const place of of(kind)) {
      const [code, { opened, trial }] = await inspect(place)
      expect([code, opened, trial.outcome, trial.failure?.code]).toEqual([2, undefined, 'refused', refusal])
    }
  }
})

/** Of the JSON that the command prints. */
interface Seen {
  readonly opened?: { readonly text?: string }
  readonly trial: { readonly outcome: string; readonly failure?: { readonly code: string } }
}
