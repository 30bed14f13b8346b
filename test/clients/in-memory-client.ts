import { Claims } from '../../src/clients/shared/claims.js'
import { Delivery, type DeliveryClient } from '../../src/clients/shared/delivery.js'
import type { ConsumedRecord, Part } from '../../src/clients/shared/part.js'
import { Parking } from '../../src/clients/shared/parking.js'
import { Sends } from '../../src/clients/shared/sends.js'
import { Waits } from '../../src/clients/shared/waits.js'
import type { Encryption } from '../../src/encryption.js'
import { deadLetterHeaders } from '../../src/record/dead-letter.js'
import { internalsOf } from '../../src/record/internals.js'
import type { Bytes, PlainRecord } from '../../src/record/record.js'
import type { Entry, Topics } from './in-memory-broker.js'

/* A sketch of a second client. Everything that it needs is in `clients/shared/` and `record/`. */

const recordOf = ({ id, body, meta }: Entry) => ({ key: id, value: body, headers: Object.fromEntries(meta) })
const entryOf = ({ key, value, headers = {} }: PlainRecord): Entry => ({
  id: key?.toString() ?? null,
  body: value,
  meta: new Map(Object.entries(headers) as [string, Bytes][]),
})

export function inMemoryProducer(topics: Topics, encryption: Encryption) {
  const sends = new Sends<PlainRecord>(internalsOf(encryption, 'inMemoryProducer'))
  /** Resolves to the length of the topic after each part. */
  const put = async (topic: string, entries: readonly Entry[]): Promise<number[]> => {
    const pathOf = (i: number) => `entries[${String(i)}]`
    const send = sends.begin([{ topic, records: entries.map(recordOf), pathOf }])
    if (!send.isReady) await send.ready()
    const lengths: number[] = []
    for (const [part] of send.parts())
      lengths.push(await Promise.resolve(topics.of(topic).push(...(part?.messages ?? []).map(entryOf))))
    return lengths
  }
  return { put }
}

export function inMemoryConsumer(topics: Topics, encryption: Encryption, heartbeat: () => Promise<void>) {
  const { consumers, rules, ...internals } = internalsOf(encryption, 'inMemoryConsumer')
  const [claims, waits] = [new Claims(), new Waits(internals.clock)]
  let isPaused = false
  const reading = {
    isPaused: () => false,
    pause: () => {
      isPaused = true
    },
    resume: () => {
      isPaused = false
    },
  }
  const parking = new Parking(reading, internals.clock)
  const endWaits = (): void => {
    parking.leaveAll()
  }
  const client: DeliveryClient<ConsumedRecord, PlainRecord> = {
    groupId: () => 'in-memory',
    letters: {
      send: ({ topic, letters }) => Promise.resolve(topics.of(topic).push(...letters.map(entryOf))),
      failureOf: () => ({ why: 'never', isTransient: true, isTooLarge: false, lostConnection: false }),
    },
    deadLetter: (record, why) => ({ ...record, headers: { ...record.headers, ...deadLetterHeaders(why) } }),
  }
  const delivery = new Delivery({ rules, ...internals }, client, { waits, parking })
  consumers.add({ stopped: () => [], waiting: () => waits.list(), endWaits })
  let next = 0
  /** Delivers the entries after the last one taken. Rejects with the error that stops the consumer. */
  const poll = async (topic: string, take: (body: string | undefined) => void): Promise<void> => {
    if (isPaused) return
    const entries = topics.of(topic).slice(next)
    const records = entries.map(recordOf).map((record, i) => ({
      ...record,
      value: record.value === null ? null : Buffer.from(record.value),
      offset: String(next + i),
    }))
    const rule = rules.forReading(topic)
    const claim = claims.begin(topic, 0)
    let part: Part<ConsumedRecord> | undefined = {
      records,
      values: records.map(({ value }) => ({ value, envelope: undefined })),
      decided: records.length,
      error: undefined,
    }
    try {
      const run = rule === 'passthrough' ? undefined : delivery.begin(claim, rule, records)
      if (run !== undefined) part = run.part ?? (await delivery.complete(run, heartbeat))
    } finally {
      claims.end(claim)
    }
    if (claim.interrupted) return
    for (const { value } of part?.values ?? []) take(value?.toString())
    next += part?.decided ?? 0
    if (part?.error !== undefined) throw part.error
  }
  const stop = (): void => {
    claims.stop()
    parking.clear()
  }
  return { poll, stop }
}
