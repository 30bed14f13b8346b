import type { Kafka, Message, Producer } from 'kafkajs'
import { randomOf } from './random.js'
import { Truth } from './truth.js'
import type { Variant, Variants } from './variants.js'

export const PARTITIONS = 8
/** Records of one partition in one request. */
const BATCH = 500
/** A transaction is aborted after so many requests, in one partition. */
const ABORTED_EVERY = 40

/** Fills a topic with records of mixed content, and says what it holds. */
export async function fillTopic(
  kafka: Kafka,
  topic: string,
  records: number,
  variants: Variants,
  seed: number,
): Promise<Truth> {
  const random = randomOf(seed)
  const truth = new Truth(PARTITIONS)
  const plain = kafka.producer({ allowAutoTopicCreation: false })
  const transactional = kafka.producer({ transactionalId: topic, idempotent: true })
  await Promise.all([plain.connect(), transactional.connect()])
  const startedAt = Date.now()
  const pick = picker(variants, random)
  let requests = 0
  for (let at = 0; at < records; at += BATCH * PARTITIONS) {
    const chosen = Array.from({ length: Math.min(records - at, BATCH * PARTITIONS) }, (_, i) => ({
      variant: pick(),
      partition: i % PARTITIONS,
      timestamp: startedAt + Math.floor((at + i) / 100),
      number: at + i,
    }))
    const sent = await plain.send({ topic, messages: chosen.map(messageOf) })
    const next = new Map(sent.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]))
    for (const { variant, partition, timestamp } of chosen) {
      const offset = next.get(partition) ?? NaN
      next.set(partition, offset + 1)
      truth.add(partition, offset, variant, timestamp)
    }
    if (++requests % ABORTED_EVERY === 0) await abort(transactional, topic, variants.aborted, random)
  }
  await Promise.all([plain.disconnect(), transactional.disconnect()])
  return truth
}

interface Chosen {
  readonly variant: Variant
  readonly partition: number
  readonly timestamp: number
  readonly number: number
}

function messageOf({ variant, partition, timestamp, number }: Chosen): Message {
  const { value, headers } = variant
  return {
    value,
    partition,
    key: String(number),
    timestamp: String(timestamp),
    ...(headers && { headers: { ...headers } }),
  }
}

async function abort(
  producer: Producer,
  topic: string,
  variants: readonly Variant[],
  random: () => number,
): Promise<void> {
  const transaction = await producer.transaction()
  const partition = Math.floor(random() * PARTITIONS)
  await transaction.send({ topic, messages: variants.map(({ value }) => ({ value, partition })) })
  await transaction.abort()
}

/** Runs of one variant, as a producer writes them, and changes between all. */
function picker({ mixed }: Variants, random: () => number): () => Variant {
  const total = mixed.reduce((sum, { share }) => sum + share, 0)
  return () => {
    let left = random() * total
    const kind = mixed.find(({ share }) => (left -= share) < 0) ?? mixed[0]
    const variants = kind?.variants ?? []
    const variant = variants[Math.floor(random() * variants.length)]
    if (variant === undefined) throw new Error('no variant')
    return variant
  }
}
