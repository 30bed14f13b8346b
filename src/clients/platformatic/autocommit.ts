import type { CommitOptionsPartition, Message } from '@platformatic/kafka'
import type { Clock } from '../../clock.js'
import { nameOf, type Place } from '../shared/place.js'

type Report = (error: Error | null, offsets: CommitOptionsPartition[]) => void

/**
 * Regularly commits what the application has handled. The client's own stream would commit what it has fetched, before the
 * application gets it.
 */
export class Autocommit {
  readonly #intervalMs: number
  readonly #clock: Clock
  readonly #report: Report
  /** By partition, the last message to commit. */
  #due = new Map<string, Message>()
  /** The same for the commit that is under way. */
  #sent = new Map<string, Message>()
  #isOver = false
  #cancel: (() => void) | undefined
  #committing: Promise<void> = Promise.resolve()

  constructor(intervalMs: number, clock: Clock, report: Report) {
    this.#intervalMs = intervalMs
    this.#clock = clock
    this.#report = report
  }

  /** The application has handled the messages of a partition up to this one. */
  done(message: Message): void {
    this.#due.set(nameOf(message), message)
    this.#commitLater()
  }

  /** Forgets what is due for a partition that now belongs to another consumer, which commits its position. */
  forget(place: Place): void {
    this.#due.delete(nameOf(place))
    this.#sent.delete(nameOf(place))
  }

  offsets(): CommitOptionsPartition[] {
    return [...this.#due.values()].map((message) => {
      const { topic, partition, offset, leaderEpoch = -1 } = message as Message & { leaderEpoch?: number }
      return { topic, partition, offset: offset + 1n, leaderEpoch }
    })
  }

  /** Commits what is due for the last time. Never rejects. */
  end(): Promise<void> {
    this.#isOver = true
    return this.flush()
  }

  /** Commits what is due now. Never rejects: a commit that fails is reported, and tried again. */
  flush(): Promise<void> {
    this.#cancel?.()
    this.#cancel = undefined
    this.#committing = this.#committing.then(() => this.#commit())
    return this.#committing
  }

  #commitLater(): void {
    if (!this.#isOver) this.#cancel ??= this.#clock.timeout(() => void this.flush(), this.#intervalMs)
  }

  async #commit(): Promise<void> {
    if (this.#due.size === 0) return
    const offsets = this.offsets()
    this.#sent = this.#due
    this.#due = new Map()
    const results = await Promise.allSettled(
      [...this.#sent.values()].map(async (message) => message.commit()),
    )
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) {
      this.#due = new Map([...this.#sent, ...this.#due])
      this.#commitLater()
    }
    this.#sent = new Map()
    this.#report(failed === undefined ? null : (failed.reason as Error), offsets)
  }
}
