import type { IHeaders, KafkaMessage, Message } from 'kafkajs'

/**
 * A record with the headers that it has: if one has the name of a member of every object, such as `constructor`, KafkaJS
 * puts that member before its value.
 * @throws Error with the place if KafkaJS could not send the record as it is
 */
export function sourceMessage<M extends KafkaMessage>(message: M, place: string): M {
  const { timestamp, headers = {} } = message
  // KafkaJS computes with timestamps as numbers.
  if (!Number.isSafeInteger(Number(timestamp))) {
    throw new Error(`${place}: its timestamp ${timestamp} cannot be kept`)
  }
  const entries = Object.entries<unknown>(headers).map(([name, given]) => {
    if (name.includes('\uFFFD')) {
      throw new Error(`${place}: the name of a header is not UTF-8, so it cannot be kept`)
    }
    return [name, Array.isArray(given) ? given.filter(isHeaderValue) : given] as const
  })
  // It defines members, so that a header can have the name `__proto__`.
  return { ...message, headers: Object.fromEntries(entries) as IHeaders }
}

/** The message to send in place of a record: with a new value, and everything else as it was. */
export function copiedMessage(
  { key, timestamp, headers = {} }: KafkaMessage,
  value: Buffer | null,
  partition: number,
): Message {
  const copies = Object.entries<unknown>(headers).map(
    ([name, given]) =>
      [name, Array.isArray(given) || given === null ? sendable([given].flat()) : given] as const,
  )
  return { key, value, partition, timestamp, headers: Object.fromEntries(copies) as IHeaders }
}

function isHeaderValue(value: unknown): boolean {
  return value === null || Buffer.isBuffer(value)
}

/**
 * Values that KafkaJS sends as they are, also null ones: before it sends a header, it computes the length of its value,
 * which fails for null. So the first look at a null value gets an empty one.
 */
function sendable(values: readonly (Buffer | null)[]): readonly (Buffer | null)[] {
  const map = (pair: (value: Buffer | null) => object): object[] =>
    values.map((value) => {
      const header = pair(value)
      if (value !== null) return header
      let looks = 0
      return Object.defineProperty(header, 'value', {
        get: () => (looks++ === 0 ? Buffer.alloc(0) : null),
      })
    })
  return Object.assign([...values], { map })
}
