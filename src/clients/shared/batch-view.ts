import { offsetNumber } from '../../record/record.js'
import type { ConsumedRecord, Part } from './part.js'

/** The part of a client's batch that this library uses. */
interface BatchOf<R> {
  readonly highWatermark: string
  messages: R[]
}

/**
 * The same batch with other messages, and with the members and methods of the client's batch. With `endsBefore`, the
 * batch ends there: a caller that asks for its last offset must not resolve the records after it.
 */
export function batchWith<R extends ConsumedRecord, B extends BatchOf<R>>(
  batch: B,
  messages: R[],
  endsBefore?: string,
): B {
  const view = Object.assign(Object.create(Object.getPrototypeOf(batch) as object) as B, batch, {
    messages,
  })
  if (endsBefore === undefined) return view
  const before = (BigInt(endsBefore) - 1n).toString()
  const last = messages.at(-1)?.offset ?? before
  return Object.defineProperties(view, {
    lastOffset: { value: () => last },
    offsetLag: { value: () => lag(batch.highWatermark, last) },
    isEmpty: { value: () => messages.length === 0 },
  })
}

/** A client that does not know the high watermark names a negative one. */
function lag(highWatermark: string, last: string): string {
  const high = BigInt(highWatermark)
  return high < 0n ? '-1' : (high - 1n - BigInt(last)).toString()
}

/** The offset up to which a part decides a batch; undefined if it decides nothing. */
export function endOf<R extends ConsumedRecord>(
  messages: readonly R[],
  { decided }: Part<R>,
): string | undefined {
  const next = messages[decided]
  // Offsets between two messages, such as those of control records, belong to the part before them.
  if (next !== undefined && decided > 0) return (offsetNumber(next.offset) - 1n).toString()
  return messages[decided - 1]?.offset
}

/**
 * Which offset to resolve when the application resolves one, in any form that the client accepts. Records left out at
 * the end are resolved with the last one delivered, and no record that was not delivered is resolved.
 *
 * @param end what `endOf` says
 * @param isCut whether the batch ends there
 */
export function resolvedOffset(
  offset: string | number,
  messages: readonly ConsumedRecord[],
  { end, isCut }: { readonly end: string; readonly isCut: boolean },
): string {
  const resolved = BigInt(offset)
  const lastDelivered = BigInt(messages.at(-1)?.offset ?? -1)
  const isAtEnd = resolved === lastDelivered || (isCut && resolved > BigInt(end))
  return isAtEnd ? end : resolved.toString()
}
