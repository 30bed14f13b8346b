import type { IHeaders, KafkaMessage, Message } from 'kafkajs'

/**
 * The message to send for a record that was read: with a new value, and everything else as it was.
 * @throws Error with the place if KafkaJS could not send it as it was
 */
export function copiedMessage(
  message: KafkaMessage,
  value: Buffer | null,
  partition: number,
  place: string,
): Message {
  const { key, timestamp } = message
  // KafkaJS computes with timestamps as numbers.
  if (!Number.isSafeInteger(Number(timestamp))) {
    throw new Error(`${place}: its timestamp ${timestamp} cannot be kept`)
  }
  return { key, value, partition, timestamp, headers: copiedHeaders(message, place) }
}

/** Copies headers so that KafkaJS sends what it read. */
function copiedHeaders({ headers = {} }: KafkaMessage, place: string): IHeaders {
  const copies = Object.entries(headers).map(([name, given]) => {
    if (name.includes('\uFFFD'))
      throw new Error(`${place}: the name of a header is not UTF-8, so it cannot be kept`)
    const values: readonly unknown[] = Array.isArray(given) ? given : [given]
    // KafkaJS puts what an object inherits before the value of a header of this name, such as `constructor`.
    return [name, sendable(values.filter((value) => value === null || Buffer.isBuffer(value)))] as const
  })
  // `fromEntries` defines members, so that a header can have the name `__proto__`.
  return Object.fromEntries(copies)
}

/**
 * Values that KafkaJS sends as they are, also null ones: before it sends a header, it computes the length of its value,
 * which fails for null. So the first look at a null value gets an empty one.
 */
function sendable(values: (Buffer | null)[]): Buffer[] {
  const map = (pair: (value: Buffer | null) => object): object[] =>
    values.map((value) => {
      const header = pair(value)
      if (value !== null) return header
      let looks = 0
      return Object.defineProperty(header, 'value', { get: () => (looks++ === 0 ? Buffer.alloc(0) : null) })
    })
  return Object.assign([...values], { map }) as Buffer[]
}
