import { Backoff } from '../backoff.js'
import { nextTurn, type Clock } from '../clock.js'
import { EnvelopeError } from '../errors.js'
import { nameOfThrown, type EventHub } from '../events.js'
import type { AuditFile } from './audit-file.js'
import { chained, type AuditHead, type Entry, type LineHash } from './chain.js'
import type { LineQueue } from './line-queue.js'
import { codeOf } from './system-code.js'

const PAUSES = { firstMs: 1000, maxMs: 60_000 } as const

/** The parts that a writer uses. */
interface WriterParts {
  readonly path: string
  readonly file: AuditFile
  readonly queue: LineQueue
  /** The line that the first one follows. */
  readonly head: AuditHead | undefined
  readonly hash: LineHash
  readonly clock: Clock
  readonly events: EventHub
  /** Called when lines are on the disk. */
  readonly onHead: (head: AuditHead) => void
}

/** Writes the lines of a queue, one attempt at a time. Tries again, with growing pauses, for as long as it takes. */
export class LineWriter {
  readonly #parts: WriterParts
  readonly #pauses = new Backoff(PAUSES)
  #head: AuditHead | undefined
  /** The first line of a new file, until it is written. */
  #continued: Entry | undefined
  #writing: Promise<void> | undefined
  #cancelRetry: (() => void) | undefined
  #isStopped = false

  constructor(parts: WriterParts) {
    this.#parts = parts
    this.#head = parts.head
  }

  /** The last line on the disk. */
  get head(): AuditHead {
    if (this.#head === undefined) throw new Error('no line is written yet')
    return this.#head
  }

  /** Call it when the queue has got a line. */
  wake(): void {
    if (this.#isStopped || this.#writing !== undefined || this.#cancelRetry !== undefined) return
    if (this.#parts.queue.length > 0) this.#write().catch(() => undefined)
  }

  /**
   * Writes all lines of the queue now.
   * @throws EnvelopeError AUDIT_LOG_WRITE_FAILED
   */
  async flush(): Promise<AuditHead> {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
    try {
      await this.#write()
      // It may have ended just before the last line came.
      if (this.#parts.queue.length > 0) await this.#write()
    } catch (error) {
      const { path, queue } = this.#parts
      const counts = `${String(queue.length)} lines wait, ${String(queue.lost)} were lost`
      const what = `${path} cannot be written (${reasonOf(error)}); ${counts}`
      throw new EnvelopeError('AUDIT_LOG_WRITE_FAILED', what, { cause: error })
    }
    return this.head
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
  }

  #write(): Promise<void> {
    this.#writing ??= this.#writeAll().then(
      () => {
        this.#writing = undefined
        // A line may have come since the last look.
        this.wake()
      },
      (error: unknown) => {
        this.#writing = undefined
        this.#retryLater()
        throw error
      },
    )
    return this.#writing
  }

  #retryLater(): void {
    if (this.#isStopped) return
    this.#cancelRetry ??= this.#parts.clock.schedule(() => {
      this.#cancelRetry = undefined
      this.wake()
    }, this.#pauses.next())
  }

  async #writeAll(): Promise<void> {
    const { queue, onHead } = this.#parts
    // Events of one turn are written together.
    await nextTurn()
    while (queue.length > 0) {
      try {
        await this.#append(queue.take())
      } catch (error) {
        queue.keep()
        this.#report(reasonOf(error))
        throw error
      }
      queue.written()
      this.#pauses.reset()
      onHead(this.head)
    }
  }

  async #append(entries: readonly Entry[]): Promise<void> {
    const { file, hash, clock } = this.#parts
    const why = await file.needsNext()
    if (why !== undefined) {
      if (why !== 'size') this.#report(why)
      await file.next(why, this.#head?.seq ?? 0)
      this.#continued = { event: 'audit.continued', wallMs: clock.wallMs(), fields: { reason: why } }
    }
    let lines = ''
    let head = this.#head
    for (const entry of this.#continued === undefined ? entries : [this.#continued, ...entries]) {
      const next = chained(entry, head, hash)
      lines += next.line
      head = next.head
    }
    await file.append(lines)
    this.#continued = undefined
    this.#head = head
  }

  #report(reason: string): void {
    const { path: file, queue, events } = this.#parts
    events.emit('audit.failed', { file, reason, waiting: queue.length, lost: queue.lost })
  }
}

/** Its message could quote anything. */
function reasonOf(error: unknown): string {
  return codeOf(error) ?? nameOfThrown(error)
}
