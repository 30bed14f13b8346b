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
  readonly partitions: Map<number, { readonly all: Occurrences; readonly refused: Occurrences }>
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

  /** @param isRefused whether the rule does not accept the record */
  add(partition: number, message: KafkaMessage, isRefused: boolean): void {
    const counted = this.#counted(this.#traitsOf(message))
    if (counted === undefined) {
      this.#others++
      return
    }
    const { producerId } = batchOf(message)
    if (producerId !== undefined && counted.producerIds.size < MAX_PRODUCER_IDS)
      counted.producerIds.add(producerId)
    const { offset, timestamp } = message
    let found = counted.partitions.get(partition)
    if (found === undefined) {
      found = { all: noneYet(offset), refused: noneYet(offset) }
      counted.partitions.set(partition, found)
    }
    count(found.all, 0, offset, Number(timestamp))
    if (isRefused) count(found.refused, 0, offset, Number(timestamp))
  }

  /** Records of writers beyond the first 50. */
  get others(): number {
    return this.#others
  }

  /**
   * The most frequent first.
   * @param hasEnded whether plaintext has ended in a partition: who wrote it before is not of interest
   */
  list(hasEnded: (partition: number) => boolean): PlaintextWriter[] {
    return [...this.#writers.values()]
      .map((counted) => writerOf(counted, hasEnded))
      .filter(({ records }) => records > 0)
      .toSorted((a, b) => b.records - a.records)
  }

  /** Undefined if there are too many: records could have any headers. */
  #counted(traits: WriterTraits): Counted | undefined {
    const name = JSON.stringify(traits)
    const known = this.#writers.get(name)
    if (known !== undefined || this.#writers.size === MAX_WRITERS) return known
    const counted = { traits, producerIds: new Set<string>(), partitions: new Map() }
    this.#writers.set(name, counted)
    return counted
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

function writerOf(
  { traits, producerIds, partitions: counted }: Counted,
  hasEnded: (partition: number) => boolean,
): PlaintextWriter {
  const partitions = [...counted]
    .map(([partition, { all, refused }]) => ({ partition, found: hasEnded(partition) ? refused : all }))
    .filter(({ found }) => found.records > 0)
  const all = partitions.map(({ found }) => found)
  const earliest = Math.min(...all.map((each) => each.earliest ?? Infinity))
  const latest = Math.max(...all.map((each) => each.latest ?? -Infinity))
  return {
    ...traits,
    frameworks: frameworksOf(traits.headers),
    producerIds: [...producerIds],
    records: all.reduce((sum, { records }) => sum + records, 0),
    partitions: partitions
      .map(({ partition, found: { last } }) => ({ partition, last }))
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
  // Not a number of up to 8 bytes, whose bytes would be shown. Registries count schemas from 1.
  if (value.length > 8 && value.readUInt16BE(0) === 0 && value.readUInt32BE(1) > 0)
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
