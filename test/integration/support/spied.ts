import type { Message, Producer } from 'kafkajs'

/**
 * A producer that records the keys of the messages that it gets, in order. KafkaJS itself reorders sends that are not
 * awaited (seen with 2.2.4, idempotent or not), so a wrapper can only keep the order in which it passes sends on.
 */
export function spied(inner: Producer): { producer: Producer; keys: string[] } {
  const keys: string[] = []
  const note = (messages: readonly Message[]): void => {
    keys.push(...messages.map(({ key }) => key?.toString() ?? 'null'))
  }
  return {
    keys,
    producer: {
      ...inner,
      send: (record) => {
        note(record.messages)
        return inner.send(record)
      },
      sendBatch: (batch) => {
        for (const { messages } of batch.topicMessages ?? []) note(messages)
        return inner.sendBatch(batch)
      },
    },
  }
}
