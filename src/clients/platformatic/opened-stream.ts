import { Readable } from 'node:stream'
import type {
  CallbackWithPromise,
  CommitOptionsPartition,
  Consumer,
  Message,
  MessagesStream,
} from '@platformatic/kafka'
import { isEnvelopeError } from '../../errors.js'
import { nameOfThrown } from '../../events.js'
import type { ActiveConsumer, ConsumerStopped, Internals } from '../../record/internals.js'
import type { ReadingRule } from '../../record/topic-rules.js'
import { Claims } from '../shared/claims.js'
import { deadLetter, type DeadLetter } from '../shared/dead-letter.js'
import type { LetterSender } from '../shared/dead-letter-outbox.js'
import { Delivery, type DeliveryClient, type OpenedRun, type Run } from '../shared/delivery.js'
import { Parking } from '../shared/parking.js'
import type { DeliveredValue, Part } from '../shared/part.js'
import type { Place } from '../shared/place.js'
import { Waits } from '../shared/waits.js'
import { Assignment } from './assignment.js'
import { Autocommit } from './autocommit.js'
import { Backlog, type Queue } from './backlog.js'
import { eitherWay, promised } from './callbacks.js'
import { Handling, type Given } from './handling.js'
import { openedMessage, type Deserializing } from './opened-message.js'
import { ReadPositions } from './read-positions.js'
import type { ReadRecord } from './read-record.js'

/** The stream of the client, which gives bytes. It commits nothing by itself. */
export type InnerStream = MessagesStream<Buffer, Buffer, Buffer, Buffer>
type AnyConsumer = Consumer<unknown, unknown, unknown, unknown>

/** What a stream reads from, and how. */
export interface Opened extends Deserializing {
  readonly internals: Pick<Internals, 'rules' | 'opener' | 'events' | 'consumers' | 'clock'>
  readonly inner: InnerStream
  /** The wrapped consumer, for the application, and its own consumer. */
  readonly outer: AnyConsumer
  readonly consumer: Consumer
  readonly letters: LetterSender<DeadLetter> | undefined
  /** The rule of a topic; undefined for a passthrough topic. */
  readonly ruleOf: (topic: string) => ReadingRule | undefined
  /** How often to commit what was delivered; undefined if the application commits. */
  readonly autocommitMs: number | undefined
  readonly maxRecords: number
  /** Whether the stream follows the committed offsets of its group. */
  readonly isCommitted: boolean
}

/** A record for the application, and what it gets in the place of its value. */
interface Delivered {
  readonly record: ReadRecord
  readonly value: DeliveredValue
}

/** The next thing for the application. */
type Next =
  | {
      readonly delivered: Delivered | undefined
      /** The inner message up to which it is decided. */
      readonly upTo: Message
      readonly error?: undefined
    }
  | {
      readonly error: unknown
      readonly at: Place
      readonly upTo?: undefined
    }

/**
 * A stream of opened messages, in front of one of the client. It has the members of `MessagesStream`.
 *
 * It reads records only as the application asks for messages, and opens all that are there of a partition at once. It
 * keeps at most one message that the application can already see.
 */
export class OpenedStream extends Readable implements ActiveConsumer {
  readonly #of: Opened
  readonly #claims = new Claims()
  readonly #waits: Waits
  readonly #parking: Parking
  readonly #delivery: Delivery<ReadRecord, DeadLetter>
  readonly #backlog: Backlog
  readonly #assignment: Assignment
  readonly #positions: ReadPositions
  readonly #autocommit: Autocommit | undefined
  readonly #handling: Handling
  /** Opened, and not given to the application yet. */
  #ready: Next[] = []
  #isBusy = false
  #isReading = false
  /** Whether the application has asked for more than it got. */
  #wantsMore = false
  #isOver = false
  #isClosing = false
  /** Whether it was closed while nothing read from it. What it still holds is discarded, and does not count as handled. */
  #discards = false
  #stopped: ConsumerStopped | undefined

  constructor(of: Opened) {
    super({ objectMode: true, highWaterMark: 1 })
    this.#of = of
    const { internals, inner, consumer, letters, autocommitMs } = of
    this.#waits = new Waits(internals.clock)
    const reading = {
      isPaused: () => false,
      pause: () => undefined,
      resume: () => {
        queueMicrotask(() => {
          this.#pump()
        })
      },
    }
    this.#parking = new Parking(reading, internals.clock)
    const client: DeliveryClient<ReadRecord, DeadLetter> = {
      letters,
      groupId: () => consumer.groupId,
      deadLetter,
    }
    this.#delivery = new Delivery(internals, client, { waits: this.#waits, parking: this.#parking })
    this.#backlog = new Backlog(of.maxRecords)
    this.#assignment = new Assignment(consumer, of.isCommitted)
    this.#positions = new ReadPositions(inner, of.maxRecords)
    const report = (error: Error | null, offsets: CommitOptionsPartition[]): void => {
      this.emit('autocommit', error, offsets)
    }
    this.#autocommit =
      autocommitMs === undefined ? undefined : new Autocommit(autocommitMs, internals.clock, report)
    this.#handling = new Handling(this.#autocommit)
    internals.consumers.add(this)
    consumer.on('consumer:group:join', this.#onAssigned)
    for (const event of ['fetch', 'offsets'] as const)
      inner.on(event as 'fetch', () => {
        this.emit(event)
      })
    for (const event of ['offsets', 'resume'] as const) inner.on(event as 'resume', this.#onAssigned)
    // In the newer group protocol, the client pauses and resumes its streams. If nobody reads this one yet, it would flow
    // into nothing then.
    inner.on('pause', this.#listen)
    inner.on('error', (error) => {
      if (!this.#isOver) this.#fail(error)
    })
    inner.on('end', () => {
      this.#pump()
    })
    inner.on('close', () => {
      if (!this.#isOver && !inner.readableEnded) this.destroy()
    })
  }

  get consumer(): AnyConsumer {
    return this.#of.outer
  }

  get context(): unknown {
    return this.#of.inner.context
  }

  get offsetsToFetch(): Map<string, bigint> {
    return this.#of.inner.offsetsToFetch
  }

  get offsetsToCommit(): Map<string, CommitOptionsPartition> {
    const offsets = this.#autocommit?.offsets() ?? []
    return new Map(offsets.map((one) => [`${one.topic}:${String(one.partition)}`, one]))
  }

  get offsetsCommitted(): Map<string, bigint> {
    return this.#of.inner.offsetsCommitted
  }

  get committedOffsets(): Map<string, bigint> {
    return this.#of.inner.offsetsCommitted
  }

  get connections(): InnerStream['connections'] {
    return this.#of.inner.connections
  }

  isActive(): boolean {
    return !this.#isOver && this.#of.inner.isActive()
  }

  isConnected(): boolean {
    return !this.#isOver && this.#of.inner.isConnected()
  }

  stopped(): readonly ConsumerStopped[] {
    return this.#stopped === undefined ? [] : [this.#stopped]
  }

  waiting(): ReturnType<Waits['list']> {
    return this.#waits.list()
  }

  endWaits(): void {
    this.#parking.leaveAll()
  }

  /** Ends the stream. Messages that the application has not got are neither delivered nor committed. */
  close(callback?: CallbackWithPromise<void>): Promise<void> {
    return eitherWay(this.#close(), callback)
  }

  /** The consumer is closed, or reads again: it is no longer one that has stopped. */
  release(): void {
    this.#of.internals.consumers.delete(this)
  }

  override read(size?: number): unknown {
    if (size !== 0) this.#settle()
    const message: unknown = super.read(size)
    // The application has got all that is before an error.
    if (message === null && this.#ready[0]?.error !== undefined) this.#pump()
    return message
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== 'data') return super.emit(event, ...args)
    this.#settle()
    this.#handling.take()
    const result = super.emit(event, ...args)
    // A listener has returned. An iterator or a caller of `read` has the message only now.
    if (this.readableFlowing === true) this.#settle()
    return result
  }

  override _read(): void {
    this.#wantsMore = true
    this.#listen()
    this.#pump()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#end()
    if (this.#stopped === undefined) this.release()
    const { inner } = this.#of
    const ended = this.#autocommit?.end() ?? Promise.resolve()
    void ended
      .then(() =>
        promised((done) => {
          inner.close(done)
        }),
      )
      .then(
        () => {
          callback(error)
        },
        (closing: unknown) => {
          callback(error ?? (closing as Error))
        },
      )
  }

  readonly #listen = (): void => {
    if (this.#isReading) return
    this.#isReading = true
    this.#of.inner.on('readable', () => {
      this.#pump()
    })
  }

  readonly #onAssigned = (): void => {
    this.#seeAssignments()
    this.#pump()
  }

  async #close(): Promise<void> {
    if (this.closed) return
    const closed = promised((done) => {
      this.once('close', () => {
        done(null)
      })
    })
    if (!this.#isClosing && !this.destroyed) {
      this.#isClosing = true
      this.#end()
      this.push(null)
      if (this.readableFlowing === null || this.isPaused()) {
        this.#discards = true
        this.removeAllListeners('data')
        this.removeAllListeners('readable')
        this.resume()
      }
    }
    await closed
  }

  /** Nothing is delivered after this. */
  #end(): void {
    this.#isOver = true
    this.#of.consumer.off('consumer:group:join', this.#onAssigned)
    this.#claims.stop()
    this.#parking.clear()
    this.#waits.clear()
    this.#backlog.clear()
    this.#ready = []
  }

  /** The application has handled what it got last. */
  #settle(): void {
    if (!this.#discards) this.#handling.settle()
  }

  /** Gives the application what is ready, and opens more if it has room for more. */
  #pump(): void {
    this.#seeAssignments()
    while (!this.#isOver && this.#wantsMore) {
      const next = this.#ready.shift()
      if (next === undefined) {
        if (this.#isBusy || !this.#openMore()) return
      } else if (next.upTo === undefined) {
        if (this.#handling.isDone) this.#fail(next.error)
        else this.#failLater(next)
        return
      } else this.#give(next.delivered, next.upTo)
    }
  }

  #give(delivered: Delivered | undefined, upTo: Message): void {
    if (delivered === undefined) {
      this.#handling.pass(upTo)
      return
    }
    const given: Given = { upTo, isTaken: false, isLost: false }
    const commit = (callback?: CallbackWithPromise<void>): Promise<void> =>
      this.#autocommit === undefined
        ? (given.upTo.commit as (callback?: CallbackWithPromise<void>) => Promise<void>)(callback)
        : eitherWay(Promise.resolve(), callback)
    try {
      const message = openedMessage(delivered.record, delivered.value, commit as Message['commit'], this.#of)
      if (message === undefined) this.#handling.pass(upTo)
      else {
        this.#handling.add(given)
        this.#wantsMore = this.push(message)
      }
    } catch (error) {
      this.#ready.unshift({ error, at: upTo })
    }
  }

  /** Lets the application handle first what is before the error. It is asked to read on, as for a message. */
  #failLater(next: Next): void {
    this.#ready.unshift(next)
    process.nextTick(() => {
      if (!this.destroyed && this.readableFlowing === false && this.readableLength === 0)
        this.emit('readable')
    })
  }

  /** Opens what there is of one partition. Returns whether there may be more to do at once. */
  #openMore(): boolean {
    this.#readMore()
    const queue = this.#backlog.next((place) => this.#parking.has(place))
    if (queue === undefined) {
      if (this.#of.inner.readableEnded && this.#backlog.isEmpty) this.#wantsMore = this.push(null)
      return false
    }
    try {
      const rule = this.#of.ruleOf(queue.topic)
      if (rule !== undefined) return this.#open(queue, rule)
      const read = this.#backlog.take(queue)
      this.#ready = read.map((record) => ({
        delivered: { record, value: { value: record.value, envelope: undefined } },
        upTo: record.message,
      }))
    } catch (error) {
      this.#ready.push({ error, at: queue })
    }
    return true
  }

  #readMore(): void {
    const { inner } = this.#of
    while (!this.#backlog.isFull) {
      const message = inner.read() as Message | null
      if (message === null) return
      this.#accept(message)
    }
  }

  #accept(message: Message): void {
    if (!this.#of.isCommitted) this.#backlog.add(message)
    else if (!this.#assignment.has(message)) this.#positions.drop(message)
    else if (this.#positions.accepts(message)) this.#backlog.add(message)
  }

  #open(queue: Queue, rule: ReadingRule): boolean {
    const claim = this.#claims.begin(queue.topic, queue.partition)
    let run: Run<ReadRecord> | OpenedRun<ReadRecord>
    try {
      run = this.#delivery.begin(claim, rule, queue.records)
    } catch (error) {
      this.#claims.end(claim)
      throw error
    }
    if (run.part !== undefined) {
      this.#claims.end(claim)
      this.#add(queue, run.part)
      return true
    }
    this.#isBusy = true
    const heartbeat = (): Promise<void> => {
      // The client has a timer for heartbeats. What they bring is seen here.
      this.#seeAssignments()
      return Promise.resolve()
    }
    void this.#delivery
      .complete(run, heartbeat)
      .then(
        (part) => {
          if (part !== undefined && !claim.interrupted) this.#add(queue, part)
        },
        (error: unknown) => {
          if (!claim.interrupted) this.#ready.push({ error, at: queue })
        },
      )
      .finally(() => {
        this.#claims.end(claim)
        this.#isBusy = false
        this.#pump()
      })
    return false
  }

  /** Skipped records and dead letters are committed with the message before them. */
  #add(queue: Queue, { records, values, decided, error }: Part<ReadRecord>): void {
    const taken = this.#backlog.take(queue, decided)
    const [first] = records
    let at = first === undefined ? taken.length : taken.indexOf(first)
    const before = taken[at - 1]
    if (before !== undefined) this.#ready.push({ delivered: undefined, upTo: before.message })
    for (const [i, record] of records.entries()) {
      const next = records[i + 1]
      at = next === undefined ? taken.length : taken.indexOf(next, at)
      const delivered = { record, value: values[i] as DeliveredValue }
      this.#ready.push({ delivered, upTo: (taken[at - 1] as ReadRecord).message })
    }
    if (error !== undefined) this.#ready.push({ error, at: queue })
  }

  /** Ends the stream with an error. */
  #fail(error: unknown): void {
    const { groupId } = this.#of.consumer
    const about = isEnvelopeError(error)
      ? { code: error.code, message: error.message, ...error.position }
      : { code: undefined, message: `the consumer stopped permanently with ${nameOfThrown(error)}` }
    this.#stopped = { groupId, ...about }
    this.#of.internals.events.emit('consumer.stopped', this.#stopped)
    this.destroy(error as Error)
  }

  /** After a rebalance, drops what was read of partitions that other consumers have now. */
  #seeAssignments(): void {
    const before = this.#assignment.places
    const assigned = this.#assignment.changed()
    if (assigned === undefined) return
    const isAssigned = (place: Place): boolean => this.#assignment.has(place)
    this.#claims.keepOnly(assigned)
    this.#waits.keepOnly(assigned)
    this.#parking.keepOnly(assigned)
    this.#delivery.forget()
    this.#handling.keepOnly(isAssigned)
    for (const place of before) if (!isAssigned(place)) this.#positions.lose(place)
    this.#ready = this.#ready.filter((next) => {
      const place = next.upTo ?? next.at
      if (isAssigned(place)) return true
      if (next.upTo) this.#positions.drop(next.delivered?.record.message ?? next.upTo)
      return false
    })
    for (const place of this.#backlog.places())
      if (!isAssigned(place))
        for (const { message } of this.#backlog.take(place)) this.#positions.drop(message)
    for (const place of this.#autocommit?.offsets() ?? [])
      if (!isAssigned(place)) this.#autocommit?.forget(place)
    // What the inner stream has read already, too.
    let message: Message | null
    while (!this.#isOver && (message = this.#of.inner.read() as Message | null) !== null)
      this.#accept(message)
  }
}
