import { waitFor } from '../../cancellation.js'
import type { Clock } from '../../clock.js'
import type { Internals } from '../../record/internals.js'
import type { PlainBatch } from '../../record/batch.js'
import type { Sealing } from '../../record/sealing.js'
import type { Bytes } from '../../record/record.js'
import { SendOrder } from './send-order.js'
import { splitToFit, type SendableRecord } from './split-to-fit.js'

/** Records of one topic, as a client sends them. */
export interface SendableBatch<M extends SendableRecord> extends PlainBatch {
  readonly records: readonly M[]
}

/** What a client does with the records of one send. `M` is a record as it is sent, `A` what its broker answers. */
export interface Sending<M extends SendableRecord, A> {
  /** The record with its value sealed. */
  sealedRecord(plain: M, value: Bytes | null): M
  /** Hands a part of the send to the client. What is handed over first must be written first. */
  dispatch(part: { topic: string; messages: M[] }[]): Promise<A[]>
}

/** Sends that were accepted and have not ended. */
export class InFlight {
  readonly #sends = new Set<Promise<unknown>>()

  add(send: Promise<unknown>): void {
    this.#sends.add(send)
    const ended = (): void => {
      this.#sends.delete(send)
    }
    send.then(ended, ended)
  }

  /** Resolves once the sends accepted so far have ended, whether they succeeded or not. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#sends)
  }

  /** The same, or once the time is over. */
  async endedWithin(maxMs: number, clock: Clock): Promise<void> {
    if (this.#sends.size > 0) await waitFor(this.ended(), { ms: maxMs, clock })
  }
}

/** Seals and hands over the sends of one producer, or of one transaction. Keeps them in order, topic by topic. */
export class Sends<M extends SendableRecord, A> {
  readonly #internals: Pick<Internals, 'sealer' | 'events'>
  readonly #order = new SendOrder()
  readonly #inFlight: readonly InFlight[]
  readonly #gate: () => Promise<unknown> | undefined

  /**
   * @param inFlight counts the sends that were accepted and have not ended
   * @param gate what a send has to wait for before all else; undefined where nothing
   */
  constructor(
    internals: Pick<Internals, 'sealer' | 'events'>,
    inFlight: readonly InFlight[],
    gate: () => Promise<unknown> | undefined = () => undefined,
  ) {
    this.#internals = internals
    this.#inFlight = inFlight
    this.#gate = gate
  }

  /**
   * Seals batches and sends them: in one part, unless sealing made it too big.
   * @throws EnvelopeError as `Sealer.begin`, `Sealing.complete` and `splitToFit` do; what `dispatch` rejects with
   */
  send(batches: readonly SendableBatch<M>[], sending: Sending<M, A>): Promise<A[]> {
    const sent = this.#sealAndSend(batches, sending)
    for (const inFlight of this.#inFlight) inFlight.add(sent)
    return sent
  }

  async #sealAndSend(batches: readonly SendableBatch<M>[], sending: Sending<M, A>): Promise<A[]> {
    const topics = batches.map(({ topic }) => topic)
    const sealing = this.#internals.sealer.begin(batches)
    const before = [this.#gate(), this.#order.waitFor(topics)].filter((wait) => wait !== undefined)
    let done: (() => void) | undefined
    try {
      if (before.length > 0 || !sealing.isDone) {
        sealing.hold()
        done = this.#order.join(topics)
        await Promise.all(before)
        await sealing.complete()
      }
      const parts = partsOf(batches, sealing, sending)
      if (parts.length > 1) {
        done ??= this.#order.join(topics)
        this.#internals.events.emit('send.split', { topics, parts: parts.length })
      }
      const answers: A[][] = []
      for (const part of parts.slice(0, -1)) answers.push(await sending.dispatch(part))
      const last = sending.dispatch(parts.at(-1) ?? [])
      // Handed over: the client keeps the order from here on.
      done?.()
      answers.push(await last)
      return answers.length === 1 ? (answers[0] as A[]) : answers.flat()
    } finally {
      done?.()
    }
  }
}

/** The parts that a send takes: one, unless sealing made it too big. */
function partsOf<M extends SendableRecord, A>(
  batches: readonly SendableBatch<M>[],
  sealing: Sealing,
  { sealedRecord }: Sending<M, A>,
): { topic: string; messages: M[] }[][] {
  const parts: { topic: string; messages: M[] }[][] = [[]]
  for (const [i, batch] of batches.entries()) {
    const outgoing = sealing.batches[i] as Sealing['batches'][number]
    const { values } = outgoing
    const sealed = batch.records.map((plain, n) => sealedRecord(plain, values[n] as Bytes | null))
    for (const [n, messages] of splitToFit(batch, sealed, outgoing).entries())
      (parts[n] ??= []).push({ topic: batch.topic, messages })
  }
  return parts
}
