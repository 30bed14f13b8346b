import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import { Consumer, Producer, type Message, type SendOptions } from '@platformatic/kafka'
import type { Encryption } from '../../../src/index.js'
import { sealRecords } from '../../../src/record/index.js'

const OPTIONS = { clientId: 'unit', bootstrapBrokers: ['127.0.0.1:1'] }

/** What the plain client was given to send. */
export type Sent = SendOptions<Buffer, Buffer, Buffer, Buffer>

/** A real producer that connects to nothing, and keeps what it is given to send. */
export class StandInProducer extends Producer {
  readonly sent: Sent[] = []
  /** While set, what is sent is not acknowledged. */
  acknowledged: Promise<void> = Promise.resolve()

  constructor(options: object = {}) {
    super({ ...OPTIONS, ...options })
  }

  override send(options: Sent, callback?: unknown): never {
    this.sent.push(options)
    const [first] = options.messages
    const result = {
      offsets: first ? [{ topic: first.topic, partition: 0, offset: BigInt(this.sent.length) }] : [],
    }
    const answer = this.acknowledged.then(() => result)
    if (typeof callback !== 'function') return answer as never
    const give = callback as (error: unknown, result?: unknown) => void
    answer.then((value) => {
      give(null, value)
    }, give)
    return undefined as never
  }
}

/** The stream of the plain client, on records that a test gives it. */
export class StandInStream extends Readable {
  readonly context = undefined
  readonly connections = undefined
  readonly offsetsToFetch = new Map<string, bigint>()
  readonly offsetsCommitted = new Map<string, bigint>()
  readonly committed: string[] = []
  /** While set, commits fail. */
  refuses: Error | undefined

  constructor() {
    super({ objectMode: true, highWaterMark: 1024 })
  }

  override _read(): void {
    // Records come by `give`.
  }

  close(callback: (error: null) => void): void {
    if (this.closed) {
      callback(null)
      return
    }
    this.once('close', () => {
      callback(null)
    })
    this.destroy()
  }

  isActive = (): boolean => !this.destroyed
  isConnected = (): boolean => !this.destroyed

  give(...messages: readonly Message[]): void {
    for (const message of messages) {
      const commit = (callback?: (error?: Error) => void): Promise<void> => {
        if (this.refuses) return Promise.reject(this.refuses)
        this.committed.push(`${message.topic}/${String(message.partition)}:${String(message.offset + 1n)}`)
        callback?.()
        return Promise.resolve()
      }
      this.push({ ...message, commit })
    }
  }
}

/** A real consumer that connects to nothing; `consume` gives a stand-in stream. */
export class StandInConsumer extends Consumer {
  readonly streams: StandInStream[] = []
  readonly asked: unknown[] = []

  constructor(options: object = {}) {
    super({ ...OPTIONS, groupId: 'group', ...options })
  }

  override consume(options: unknown): never {
    this.asked.push(options)
    const stream = new StandInStream()
    this.streams.push(stream)
    return Promise.resolve(stream) as never
  }

  override close(_force: unknown, callback?: unknown): never {
    for (const stream of this.streams) stream.destroy()
    if (typeof callback === 'function') (callback as (error: null) => void)(null)
    return Promise.resolve() as never
  }

  /** A rebalance gave it these partitions. */
  assign(topic: string, partitions: number[]): void {
    this.assignments = [{ topic, partitions }]
    ;(this as EventEmitter).emit('consumer:group:join', {})
  }

  get stream(): StandInStream {
    return this.streams.at(-1) as StandInStream
  }
}

/** Closes a client, even while it has streams. */
export function close(client: {
  close(force: boolean, callback: (error: Error | null) => void): void
}): Promise<void> {
  return new Promise((resolve, reject) => {
    client.close(true, (error) => {
      if (error) reject(error)
      else resolve()
    })
  })
}

/** Messages of a topic as the plain client reads them. */
export function messages(
  topic: string,
  values: readonly (Buffer | null)[],
  { partition = 0, from = 0n }: { partition?: number; from?: bigint } = {},
): Message[] {
  return values.map((value, i) => ({
    topic,
    partition,
    offset: from + BigInt(i),
    timestamp: 1_700_000_000_000n + BigInt(i),
    key: undefined as unknown as Buffer,
    value: (value ?? undefined) as Buffer,
    headers: new Map(),
    metadata: { consumer: { groupId: 'group' } },
    commit: () => undefined,
    toJSON: () => ({}) as never,
  }))
}

/** The same, sealed. */
export async function sealed(
  encryption: Encryption,
  topic: string,
  values: readonly string[],
  place: { partition?: number; from?: bigint } = {},
): Promise<Message[]> {
  const records = await sealRecords(
    encryption,
    values.map((value) => ({ topic, value })),
  )
  return messages(
    topic,
    records.map(({ value }) => value as Buffer),
    place,
  )
}
