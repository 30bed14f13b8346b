import { Claims } from '../../src/clients/shared/claims.js'
import { Delivery } from '../../src/clients/shared/delivery.js'
import type { ConsumedRecord } from '../../src/clients/shared/part.js'
import { Sends } from '../../src/clients/shared/sends.js'
import { Waits } from '../../src/clients/shared/waits.js'
import type { Encryption } from '../../src/encryption.js'
import { deadLetterHeaders } from '../../src/record/dead-letter.js'
import { internalsOf } from '../../src/record/internals.js'
import type { Bytes, PlainRecord } from '../../src/record/record.js'

/*
 * A Kafka client with shapes of its own, as a sketch of what a second client takes: topics of one partition in memory. All
 * that it needs is in `clients/shared/` and `record/`.
 */

/** Its place in a topic is its sequence number. */
export interface Entry {
  id: string | null
  body: Bytes | null
  meta: ReadonlyMap<string, Bytes>
}

export class Topics {
  readonly #topics = new Map<string, Entry[]>()

  of(topic: string): Entry[] {
    const entries = this.#topics.get(topic) ?? []
    this.#topics.set(topic, entries)
    return entries
  }
}

const recordOf = ({ id, body, meta }: Entry) => ({ key: id, value: body, headers: Object.fromEntries(meta) })
const entryOf = ({ key, value, headers = {} }: PlainRecord): Entry => ({
  id: key?.toString() ?? null,
  body: value,
  meta: new Map(Object.entries(headers) as [string, Bytes][]),
})

export function inMemoryProducer(topics: Topics, encryption: Encryption) {
  const sends = new Sends<PlainRecord, number>(internalsOf(encryption, 'inMemoryProducer'), [])
  return {
    put: (topic: string, entries: readonly Entry[]): Promise<number[]> =>
      sends.send([{ topic, records: entries.map(recordOf), pathOf: (i) => `entries[${String(i)}]` }], {
        sealedRecord: (plain, value) => ({ ...plain, value }),
        dispatch: (part) =>
          Promise.resolve(
            part.flatMap((to) => to.messages.map((one) => topics.of(to.topic).push(entryOf(one)))),
          ),
      }),
  }
}

export function inMemoryConsumer(topics: Topics, encryption: Encryption, heartbeat: () => Promise<void>) {
  const internals = internalsOf(encryption, 'inMemoryConsumer')
  const [claims, waits] = [new Claims(), new Waits(internals.clock)]
  const unknown = { timestamp: undefined, nullHeaders: [], replacedNames: 0 }
  const client = {
    groupId: () => 'in-memory',
    letters: {
      send: (sent: { topic: string; letters: readonly PlainRecord[] }) =>
        Promise.resolve(topics.of(sent.topic).push(...sent.letters.map(entryOf))),
      failureOf: () => ({ why: 'never', isTransient: true, isTooLarge: false, lostConnection: false }),
    },
    deadLetter: (
      record: ConsumedRecord,
      why: Omit<Parameters<typeof deadLetterHeaders>[0], keyof typeof unknown>,
    ) => ({
      ...record,
      headers: { ...record.headers, ...deadLetterHeaders({ ...why, ...unknown }) },
    }),
    sealedMessage: (source: { topic: string; partition: number }, { value, offset }: ConsumedRecord) => ({
      ...source,
      offset,
      timestamp: '',
      key: null,
      headers: {},
      value,
    }),
  }
  const delivery = new Delivery<ConsumedRecord, PlainRecord>(internals, client, waits)
  internals.consumers.add({ stopped: () => undefined, waiting: () => waits.list() })
  let next = 0
  return {
    stop: () => {
      claims.stop()
    },
    /** Hands over what is behind the last entry taken. Rejects with what stops the consumer. */
    async poll(topic: string, take: (body: string | undefined) => void): Promise<void> {
      const records = topics
        .of(topic)
        .slice(next)
        .map((entry, i) => ({
          ...recordOf(entry),
          value: entry.body === null ? null : Buffer.from(entry.body),
          offset: String(next + i),
        }))
      const rule = internals.rules.forReading(topic)
      if (rule === 'passthrough') {
        for (const { value } of records) take(value?.toString())
        next += records.length
        return
      }
      const claim = claims.begin(topic, 0)
      const part = await delivery.open(claim, rule, records, heartbeat).finally(() => {
        claim.end()
      })
      if (part === undefined) return
      for (const one of part.delivered) take((one.action === 'deliver' ? one : one.action).value?.toString())
      next += part.decided
      if (part.error !== undefined) throw part.error
    },
  }
}
