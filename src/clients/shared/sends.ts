import { waitFor } from '../../cancellation.js'
import type { Clock } from '../../clock.js'
import type { PlainBatch } from '../../record/batch.js'
import type { Internals } from '../../record/internals.js'
import type { Bytes } from '../../record/record.js'
import type { Sealing } from '../../record/sealing.js'
import { SendOrder } from './send-order.js'
import { splitToFit, type SendableRecord } from './split-to-fit.js'

/** Records of one topic, as given to the client. */
export interface SendableBatch<M extends SendableRecord> extends PlainBatch {
  readonly records: readonly M[]
}

/** The records of one topic in a part of a send. */
export interface TopicPart<M extends SendableRecord> {
  readonly topic: string
  /** Copies of the records, with the values to send. */
  readonly messages: M[]
  /** The records as they were, in the same order. */
  readonly plain: readonly M[]
}

/** Sends that were accepted and have not ended. */
export class InFlight {
  readonly #sends = new Set<Promise<void>>()

  /** Counts a send until the returned function is called. */
  begin(): () => void {
    let resolve = (): void => undefined
    const ended = new Promise<void>((resolved) => {
      resolve = resolved
    })
    this.#sends.add(ended)
    return () => {
      this.#sends.delete(ended)
      resolve()
    }
  }

  /** Resolves once all sends accepted so far have ended, successfully or not. */
  async ended(): Promise<void> {
    await Promise.all(this.#sends)
  }

  /** The same, but resolves at the latest when the time is over. */
  async endedWithin(maxMs: number, clock: Clock): Promise<void> {
    if (this.#sends.size > 0) await waitFor(this.ended(), { ms: maxMs, clock })
  }
}

/** The sends of one producer, or of one transaction. They stay in order within each topic. */
export class Sends<M extends SendableRecord> {
  readonly #internals: Pick<Internals, 'sealer' | 'events'>
  readonly #order = new SendOrder()
  readonly #inFlight: readonly InFlight[]
  readonly #fit: typeof splitToFit<M>

  /** @param fit `refuseTooLarge` for a client that forms record batches itself */
  constructor(
    internals: Pick<Internals, 'sealer' | 'events'>,
    inFlight: readonly InFlight[] = [],
    fit: typeof splitToFit<M> = splitToFit,
  ) {
    this.#internals = internals
    this.#inFlight = inFlight
    this.#fit = fit
  }

  /**
   * Checks the batches of a send, and seals them as far as DEKs are available. Then, without an `await` in between:
   *
   *     if (!send.isReady) await send.ready()
   *     for (const part of send.parts()) answers.push(await client.send(part))
   *
   * @throws EnvelopeError as `Sealer.begin` does
   */
  begin(batches: readonly SendableBatch<M>[]): Send<M> {
    const { sealer, events } = this.#internals
    const sealing = sealer.begin(batches)
    const ends = this.#inFlight.map((sends) => sends.begin())
    return new Send({ batches, sealing, order: this.#order, events, ends, fit: this.#fit })
  }
}

/** The parts of a new `Send`. */
interface SendTarget<M extends SendableRecord> {
  readonly batches: readonly SendableBatch<M>[]
  readonly sealing: Sealing
  readonly order: SendOrder
  readonly events: Internals['events']
  readonly ends: readonly (() => void)[]
  readonly fit: typeof splitToFit<M>
}

/** One send in progress. It ends once all its parts were taken, or one of them failed. */
export class Send<M extends SendableRecord> {
  readonly #target: SendTarget<M>
  readonly #topics: readonly string[]
  /** The earlier sends that the client must get first. */
  readonly #before: Promise<unknown> | undefined
  #leave: (() => void) | undefined

  constructor(target: SendTarget<M>) {
    this.#target = target
    this.#topics = target.batches.map(({ topic }) => topic)
    this.#before = target.order.waitFor(this.#topics)
  }

  /** Whether its parts can be taken immediately. */
  get isReady(): boolean {
    return this.#before === undefined && this.#target.sealing.isDone
  }

  /**
   * Seals the remaining records, then waits for earlier sends to the same topics. Records that are not sealed yet are
   * copied within the call, before the first wait.
   * @param before another promise to wait for
   * @throws EnvelopeError as `Sealing.complete` does; the error of `before`
   */
  async ready(before?: Promise<unknown>): Promise<void> {
    const { sealing } = this.#target
    try {
      sealing.hold()
      this.#join()
      await Promise.all([before, this.#before])
      await sealing.complete()
    } catch (error) {
      this.#end()
      throw error
    }
  }

  /**
   * The parts to send: one, unless sealing made it too large. Pass each part to the client synchronously, and wait for
   * its answer before you take the next one. After the last part, the client keeps the order.
   * @throws EnvelopeError as `splitToFit` does
   */
  *parts(): Generator<TopicPart<M>[], void, undefined> {
    try {
      const parts = this.#split()
      const last = parts.pop() ?? []
      if (parts.length > 0) {
        this.#join()
        this.#target.events.emit('send.split', { topics: [...this.#topics], parts: parts.length + 1 })
      }
      yield* parts
      // Sends that wait for this one continue in a later microtask, after the client has taken this part.
      this.#leave?.()
      yield last
    } finally {
      this.#end()
    }
  }

  #split(): TopicPart<M>[][] {
    const { batches, sealing, fit } = this.#target
    const parts: TopicPart<M>[][] = [[]]
    for (const [i, batch] of batches.entries()) {
      const outgoing = sealing.batches[i] as Sealing['batches'][number]
      const { values } = outgoing
      const sealed = batch.records.map((plain, n) => ({ ...plain, value: values[n] as Bytes | null }))
      let from = 0
      for (const [n, messages] of fit(batch, sealed, outgoing).entries()) {
        const plain = batch.records.slice(from, (from += messages.length))
        ;(parts[n] ??= []).push({ topic: batch.topic, messages, plain })
      }
    }
    return parts
  }

  #join(): void {
    this.#leave ??= this.#target.order.join(this.#topics)
  }

  #end(): void {
    this.#leave?.()
    for (const end of this.#target.ends) end()
  }
}
