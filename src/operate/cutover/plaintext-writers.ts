import type { KafkaMessage } from 'kafkajs'
import { fingerprintOf } from '../../envelope/formats.js'
import { count, noneYet, type Occurrences } from '../scan/tally.js'
import { frameworksOf } from './frameworks.js'

/** Plaintext records that look as if one program wrote them. Nothing of it is authenticated. */
export interface PlaintextWriter extends WriterTraits {
  /** What usually writes headers of these names, such as `Spring for Apache Kafka`. */
  readonly frameworks: readonly string[]
  /** Ids that brokers gave to idempotent producers, at most 10. A producer has a new one after each start. */
  readonly producerIds: readonly string[]
  readonly records: number
  /** The last of them by offset, in each partition. */
  readonly partitions: readonly { readonly partition: number; readonly last: string }[]
  /** The smallest and largest timestamp, in ms since 1970; absent if no record has one. */
  readonly earliest?: number
  readonly latest?: number
}

/** What tells writers apart. No value and no key is in it, and of headers only the values that were asked for. */
export interface WriterTraits {
  /** Names, sorted: the first 30, and the first 100 characters of each. */
  readonly headers: readonly string[]
  /** Of the headers that were asked for, if the record has them. At most 60 bytes each. */
  readonly headerValues: Readonly<Record<string, string>>
  readonly key: 'none' | 'text' | 'binary'
  /** What the first bytes of the value look like. */
  readonly value: string
  readonly producer: 'neither' | 'idempotent' | 'transactional'
}

const MAX_WRITERS = 50
const MAX_PRODUCER_IDS = 10
const MAX_HEADERS = 30
const MAX_NAME = 100
const MAX_VALUE_BYTES = 60

interface Counted {
  readonly traits: WriterTraits
  readonly producerIds: Set<string>
  readonly partitions: Map<number, Occurrences>
}

/** Tells from whom plaintext records are, as far as records show it. */
export class PlaintextWriters {
  readonly #headers: readonly string[]
  readonly #writers = new Map<string, Counted>()
  #others = 0

  /** @param headers names of headers whose values tell writers apart, too */
  constructor(headers: readonly string[]) {
    this.#headers = headers
  }

  add(partition: number, message: KafkaMessage): void {
    const traits = this.#traitsOf(message)
    const name = JSON.stringify(traits)
    let counted = this.#writers.get(name)
    if (counted === undefined) {
      // Records could have any number of headers.
      if (this.#writers.size === MAX_WRITERS) {
        this.#others++
        return
      }
      this.#writers.set(name, (counted = { traits, producerIds: new Set(), partitions: new Map() }))
    }
    const { producerId } = batchOf(message)
    if (producerId !== undefined && counted.producerIds.size < MAX_PRODUCER_IDS)
      counted.producerIds.add(producerId)
    let occurrences = counted.partitions.get(partition)
    if (occurrences === undefined) counted.partitions.set(partition, (occurrences = noneYet(message.offset)))
    count(occurrences, 0, message.offset, Number(message.timestamp))
  }

  /** Records of writers beyond the first 50. */
  get others(): number {
    return this.#others
  }

  /** The most frequent first. */
  list(): PlaintextWriter[] {
    return [...this.#writers.values()].map(writerOf).toSorted((a, b) => b.records - a.records)
  }

  #traitsOf(message: KafkaMessage): WriterTraits {
    const { key, value, headers = {} } = message
    const { producerId, isTransactional } = batchOf(message)
    const asked = this.#headers.filter((name) => Object.hasOwn(headers, name))
    return {
      headers: Object.keys(headers)
        .map((name) => name.slice(0, MAX_NAME))
        .toSorted()
        .slice(0, MAX_HEADERS),
      headerValues: Object.fromEntries(asked.map((name) => [name, shortened(headers[name])])),
      key: key == null ? 'none' : isText(key) ? 'text' : 'binary',
      value: formOf(value ?? Buffer.alloc(0)),
      producer: isTransactional ? 'transactional' : producerId === undefined ? 'neither' : 'idempotent',
    }
  }
}

function writerOf({ traits, producerIds, partitions }: Counted): PlaintextWriter {
  const all = [...partitions.values()]
  const earliest = Math.min(...all.map((each) => each.earliest ?? Infinity))
  const latest = Math.max(...all.map((each) => each.latest ?? -Infinity))
  return {
    ...traits,
    frameworks: frameworksOf(traits.headers),
    producerIds: [...producerIds],
    records: all.reduce((sum, { records }) => sum + records, 0),
    partitions: [...partitions]
      .map(([partition, { last }]) => ({ partition, last }))
      .toSorted((a, b) => a.partition - b.partition),
    ...(earliest !== Infinity && { earliest }),
    ...(latest !== -Infinity && { latest }),
  }
}

/** KafkaJS passes on the head of the batch, which its types do not have. Old batches have none. */
function batchOf(message: KafkaMessage): { producerId: string | undefined; isTransactional: boolean } {
  const { batchContext } = message as {
    readonly batchContext?: { readonly producerId?: string; readonly inTransaction?: boolean }
  }
  const { producerId = '-1', inTransaction = false } = batchContext ?? {}
  return { producerId: producerId === '-1' ? undefined : producerId, isTransactional: inTransaction }
}

/** The form of a value; of its content, only the id of a schema. */
function formOf(value: Buffer): string {
  if (value.length === 0) return 'empty'
  if (value[0] === 0 && value.length >= 5)
    return `wire format of a schema registry, schema ${String(value.readUInt32BE(1))}`
  if (value[0] === 0xc3 && value[1] === 0x01) return `Avro schema ${fingerprintOf(value)}`
  const start = value.subarray(0, 256)
  if (!isText(start)) return 'binary'
  return /^\s*[{[]/.test(start.toString('latin1')) ? 'JSON' : 'text'
}

/** Printable ASCII, or UTF-8 above it. The end may cut a character. */
function isText(bytes: Buffer): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what tells binary data
  return !/[\0-\x08\x0e-\x1f\x7f]|\uFFFD(?!$)/.test(bytes.toString())
}

function shortened(value: Buffer | string | (Buffer | string)[] | undefined): string {
  const all = (Array.isArray(value) ? value : [value]).map((each) => (each ?? '').toString())
  return Buffer.from(all.join(', ')).subarray(0, MAX_VALUE_BYTES).toString()
}
