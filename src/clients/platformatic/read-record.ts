import type { Message } from '@platformatic/kafka'
import type { ConsumedRecord } from '../shared/part.js'

/** A record as the inner stream gave it, and its message. */
export interface ReadRecord extends ConsumedRecord {
  readonly message: Message
}

export function recordOf(message: Message): ReadRecord {
  const { offset, timestamp } = message
  // The types of the client say that they are always there.
  const { key, value } = message as { readonly key?: Buffer; readonly value?: Buffer }
  return {
    key: key ?? null,
    value: value ?? null,
    headers: headersOf(message),
    offset: offset.toString(),
    timestamp: timestamp.toString(),
    message,
  }
}

function headersOf({ headers }: Message): NonNullable<ConsumedRecord['headers']> {
  if (headers.size === 0) return {}
  const byName = new Map<string, (Buffer | null)[]>()
  for (const [nameBytes, value] of headers as Map<Buffer | undefined, Buffer | undefined>) {
    const name = nameBytes?.toString() ?? ''
    const known = byName.get(name)
    if (known) known.push(value ?? null)
    else byName.set(name, [value ?? null])
  }
  // Not by assignment: a header may be named `__proto__`.
  return Object.fromEntries(byName)
}
