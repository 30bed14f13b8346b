import type { Admin, Consumer, EachBatchPayload, Kafka, KafkaMessage, Message } from 'kafkajs'
import { Backoff } from '../../backoff.js'
import { raceAbort, waitFor } from '../../cancellation.js'
import { systemClock } from '../../clock.js'
import { rangesOf } from '../topics/ranges.js'
import type { FetchedOffsets, Taken } from '../topics/partition-reading.js'
import type { RawBatch, RawMessage } from '../topics/raw-message.js'
import type { Checkpoint, CopyRoute } from './checkpoint.js'
import { copiedMessage, sourceMessage } from './copied-message.js'
import { mayPass } from './failures.js'
import { PartitionWriter } from './partition-writer.js'
import { placeOf } from './place.js'
import { runsThatFit, transactionsOf } from './slices.js'
import { SourceReading } from '../topics/source-reading.js'
import { settledCheckpoints } from './target.js'
import type { SourceBatch, Transform } from './types.js'
import { whileHeartbeating } from './while-heartbeating.js'

/** What the partitions of a run share. */
export interface CopyRun {
  readonly kafka: Kafka
  readonly admin: Admin
  readonly consumer: Consumer
  readonly route: CopyRoute
  readonly maxBatchBytes: number
  readonly maxRecords: number
  readonly transform: Transform
  readonly onWritten: ((batch: SourceBatch) => void) | undefined
  /** Ends the run with this error. */
  readonly fail: (error: unknown) => void
  readonly signal: AbortSignal
}

/** The partition while this process has it. */
interface Holding {
  readonly writer: PartitionWriter
  readonly reading: SourceReading
  checkpoint: Checkpoint
  /** False from the begin of a transaction until it is committed. */
  isIntact: boolean
}

/** Together about a minute and a half, in addition to the attempts of KafkaJS. */
const RETRY = { firstMs: 500, maxMs: 10_000 }
const MAX_FAILURES = 12

/**
 * Copies one partition whenever it is assigned to this process. What it writes does not depend on the assignment being
 * true: a transaction commits only if nobody has taken the partition over since its records were chosen.
 */
export class PartitionCopy {
  records = 0
  bytesRead = 0
  bytesWritten = 0
  readonly #run: CopyRun
  readonly #partition: number
  readonly #end: bigint
  readonly #backoff = new Backoff(RETRY)
  #failures = 0
  /** Aborts when the partition goes to another process, or the run ends. Undefined while it is not assigned. */
  #assignment: AbortController | undefined
  #holding: Holding | undefined
  #isDone = false
  /** Tasks run one after the other. */
  #tasks: Promise<void> = Promise.resolve()
  #pending = 0

  constructor(run: CopyRun, partition: number, end: bigint) {
    this.#run = run
    this.#partition = partition
    this.#end = end
  }

  /** The partition is assigned to this process, maybe as before. */
  assign(): void {
    // A task in progress resumes it.
    this.#pause()
    if (this.#assignment !== undefined) {
      if (this.#pending === 0) this.#fetchNext()
      return
    }
    const assignment = new AbortController()
    this.#assignment = assignment
    void this.#queue(() => this.#take(assignment))
  }

  /** The partition is not assigned to this process any more, or the run ends. */
  async unassign(): Promise<void> {
    this.#assignment?.abort(new Error('the partition goes to another process'))
    this.#assignment = undefined
    await this.#queue(() => this.#drop())
  }

  /** Copies what a fetch returned. Rejects with the error of a heartbeat alone. */
  async onBatch({ batch, heartbeat }: EachBatchPayload): Promise<void> {
    await this.#work(heartbeat, async (holding, signal) => {
      const taken = holding.reading.take(batch as RawBatch)
      if (taken === undefined) await this.#skipRemoved(holding)
      else await this.#copy(holding, taken, signal)
    })
  }

  /** A fetch returned no record: markers of transactions alone, or nothing if there is no first offset. */
  async onMarkers(offsets: FetchedOffsets): Promise<void> {
    await this.#work(noHeartbeat, (holding, signal) =>
      this.#copy(holding, holding.reading.takeMarkers(offsets), signal),
    )
  }

  /** The broker gives nothing, although the end is not reached. */
  async onIdle(): Promise<void> {
    await this.#work(noHeartbeat, async (holding) => {
      await this.#skipRemoved(holding)
      const { reading, checkpoint } = holding
      if (!reading.isDone && checkpoint.reached !== this.#end)
        await this.#write(holding, [], reading.next, this.#end)
    })
  }

  /** Runs work with what is held. A fetch that comes while there is other work is dropped, and repeated after it. */
  async #work(
    heartbeat: () => Promise<void>,
    work: (holding: Holding, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const [assignment, holding] = [this.#assignment, this.#holding]
    if (assignment === undefined || holding === undefined || this.#pending > 0) return
    this.#pause()
    await this.#queue(() =>
      whileHeartbeating(heartbeat, assignment.signal, async (signal) => {
        try {
          await work(holding, signal)
        } catch (error) {
          // If it did not fail but was interrupted, the writer is as before, and the records are fetched again.
          if (holding.isIntact && signal.aborted) holding.reading.rewind()
          else return this.#failed(assignment, error)
        }
        this.#fetchNext()
      }),
    )
  }

  /** Takes the partition over, and finds out where to go on. */
  async #take(assignment: AbortController): Promise<void> {
    if (assignment.signal.aborted || this.#isDone) return
    const { kafka, route } = this.#run
    let writer: PartitionWriter | undefined
    try {
      writer = await PartitionWriter.takeOver(kafka, route, this.#partition)
      // Only now: until then, the process that had the partition could commit more.
      const settled = await settledCheckpoints(this.#run, [this.#partition])
      const checkpoint = settled.get(this.#partition)
      if (checkpoint === undefined)
        throw new Error(`${route.to} has lost partition ${String(this.#partition)}`)
      const reading = new SourceReading(checkpoint.next, this.#end)
      const holding = { writer, checkpoint, reading, isIntact: true }
      await this.#skipRemoved(holding)
      this.#holding = holding
    } catch (error) {
      await writer?.end()
      return this.#failed(assignment, error)
    }
    this.#fetchNext()
  }

  async #failed(assignment: AbortController, error: unknown): Promise<void> {
    await this.#drop()
    if (assignment.signal.aborted) return
    if (!mayPass(error) || ++this.#failures > MAX_FAILURES) {
      this.#run.fail(error)
      return
    }
    const { signal } = assignment
    await waitFor(new Promise(() => undefined), { ms: this.#backoff.next(), clock: systemClock, signal })
    void this.#queue(() => this.#take(assignment))
  }

  async #drop(): Promise<void> {
    const holding = this.#holding
    this.#holding = undefined
    await holding?.writer.end()
  }

  async #copy(holding: Holding, { messages, upTo }: Taken<RawMessage>, signal: AbortSignal): Promise<void> {
    const { from, to } = this.#run.route
    const parts = transactionsOf(messages, this.#run.maxRecords)
    for (const [i, fetched] of parts.entries()) {
      signal.throwIfAborted()
      const places = fetched.map(({ offset }) => placeOf(from, this.#partition, offset))
      const part = fetched.map((message, n) => sourceMessage(message, places[n] as string))
      const batch = { topic: from, partition: this.#partition, messages: part, signal }
      // A process that waited for it could not leave its group, or join it again in time.
      const values = await raceAbort(this.#run.transform(batch), signal)
      signal.throwIfAborted()
      if (values.length !== part.length)
        throw new Error('a transform has to return one value for each record')
      const copies = part.map((message, n) => ({
        place: places[n] as string,
        message: copiedMessage(message, values[n] as Buffer | null, this.#partition),
      }))
      const next = parts[i + 1]?.[0]
      const runs = runsThatFit(copies, this.#run.maxBatchBytes, to)
      await this.#write(holding, runs, next === undefined ? upTo : BigInt(next.offset))
      this.#count(part, values)
      this.#run.onWritten?.(batch)
    }
    // Without records, the offset is committed at the end alone, for the processes that wait for it.
    if (parts.length === 0 && upTo >= this.#end && holding.checkpoint.next < upTo) {
      await this.#write(holding, [], upTo)
    }
    holding.reading.passed(upTo)
  }

  async #write(
    holding: Holding,
    runs: readonly (readonly Message[])[],
    next: bigint,
    reached?: bigint,
  ): Promise<void> {
    holding.isIntact = false
    holding.checkpoint = await holding.writer.write(runs, next, holding.checkpoint, reached)
    holding.isIntact = true
    holding.reading.passed(next)
    this.#failures = 0
    this.#backoff.reset()
  }

  #count(messages: readonly KafkaMessage[], values: readonly (Buffer | null)[]): void {
    this.records += messages.length
    for (const { value } of messages) this.bytesRead += value?.length ?? 0
    for (const value of values) this.bytesWritten += value?.length ?? 0
  }

  /** Retention may have removed records that were not copied yet; they are not part of the topic any more. */
  async #skipRemoved(holding: Holding): Promise<void> {
    const { from } = this.#run.route
    const { partition, reading } = { partition: this.#partition, reading: holding.reading }
    const range = (await rangesOf(this.#run.admin, [from])).find((each) => each.partition === partition)
    if (range === undefined) throw new Error(`${from} has lost partition ${String(partition)}`)
    if (range.to < reading.next) {
      throw new Error(
        `partition ${String(partition)} of ${from} ends at offset ${String(range.to)}, but group ${this.#run.route.group} has copied up to ${String(reading.next)}: was the topic made anew?`,
      )
    }
    reading.rewind()
    if (range.from <= reading.next) return
    const next = range.from < this.#end ? range.from : this.#end
    if (next === this.#end) await this.#write(holding, [], next)
    else reading.passed(next)
  }

  #pause(): void {
    this.#whileRunning((consumer, topic) => {
      consumer.pause([{ topic, partitions: [this.#partition] }])
    })
  }

  #fetchNext(): void {
    const holding = this.#holding
    if (holding === undefined) return
    if (holding.reading.isDone) {
      this.#isDone = true
      void this.#queue(() => this.#drop())
      return
    }
    this.#whileRunning((consumer, topic) => {
      consumer.seek({ topic, partition: this.#partition, offset: String(holding.reading.fetchAt) })
      consumer.resume([{ topic, partitions: [this.#partition] }])
    })
  }

  #whileRunning(act: (consumer: Consumer, topic: string) => void): void {
    try {
      act(this.#run.consumer, this.#run.route.from)
    } catch {
      // KafkaJS has stopped the consumer, maybe to start it again. Then this is done anew.
    }
  }

  #queue(task: () => Promise<void>): Promise<void> {
    this.#pending++
    const done = this.#tasks.then(task).finally(() => this.#pending--)
    this.#tasks = done.catch(() => undefined)
    return done
  }
}

/** Outside of a batch, KafkaJS sends heartbeats itself. */
async function noHeartbeat(): Promise<void> {
  return Promise.resolve()
}
