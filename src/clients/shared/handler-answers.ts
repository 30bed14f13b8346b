import type { RejectionAnswer } from '../../config/rejection.js'
import type { ErrorCode } from '../../errors.js'

interface Answered {
  readonly code: ErrorCode
  readonly answer: RejectionAnswer
}

/**
 * What the handler of a rule answered about records, until their partition moves past them: a handler is not asked
 * twice about a record that is read again because its batch was left.
 */
export class HandlerAnswers {
  /** By partition and offset. */
  readonly #answers = new Map<string, Map<string, Answered>>()

  /** The answer of a handler to the same error of the same record, if it is remembered. */
  known(partition: string, offset: string, code: ErrorCode): RejectionAnswer | undefined {
    const known = this.#answers.get(partition)?.get(offset)
    return known?.code === code ? known.answer : undefined
  }

  /** Remembers an answer, unless it is a value: a long wait must not keep values in memory. */
  remember(partition: string, offset: string, code: ErrorCode, answer: RejectionAnswer): void {
    if (typeof answer !== 'string' && !('deadLetter' in answer)) return
    const answers = this.#answers.get(partition) ?? new Map<string, Answered>()
    this.#answers.set(partition, answers.set(offset, { code, answer }))
  }

  /** Forgets the answers about records of a partition before an offset. */
  movedOn(partition: string, next: bigint): void {
    const answers = this.#answers.get(partition)
    for (const offset of answers?.keys() ?? []) if (BigInt(offset) < next) answers?.delete(offset)
    if (answers?.size === 0) this.#answers.delete(partition)
  }

  forget(): void {
    this.#answers.clear()
  }

  get isEmpty(): boolean {
    return this.#answers.size === 0
  }
}
