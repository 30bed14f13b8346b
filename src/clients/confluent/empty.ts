import type { Message } from './client.js'

/**
 * The client sends a Buffer without memory as null: no key where an empty one was sealed, so that the record would not
 * open, and a tombstone for an empty value. This Buffer is empty and has memory.
 */
const EMPTY = Buffer.alloc(1).subarray(0, 0)

/** A copy of the message, in which what is empty is as the client sends it as empty. */
export function keepingEmpty(message: Message): Message {
  const { key, value, headers } = message
  return {
    ...message,
    ...(key === undefined ? {} : { key: kept(key) }),
    // The client makes a Buffer of a text.
    value: value === '' ? EMPTY : kept(value),
    ...(headers === undefined ? {} : { headers: keptHeaders(headers) }),
  }
}

function kept<T extends Buffer | string | null>(bytes: T): T | Buffer {
  return Buffer.isBuffer(bytes) && bytes.length === 0 ? EMPTY : bytes
}

function keptHeaders(headers: NonNullable<Message['headers']>): NonNullable<Message['headers']> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, given]) => [
      name,
      given === undefined ? given : Array.isArray(given) ? given.map(kept) : kept(given),
    ]),
  )
}
