import {
  KafkaRetriableException,
  RpcException,
  type ClientKafka,
  type KafkaContext,
} from '@nestjs/microservices'
import { logLevel } from 'kafkajs'
import { firstValueFrom, lastValueFrom } from 'rxjs'
import { afterEach, beforeAll, expect, it } from 'vitest'
import type { TopicRule } from '../../../src/index.js'
import { envelopeOf } from '../../../src/nestjs/index.js'
import { standingOn } from '../../integration/support/letters.js'
import { appOf, handled, type Parts } from '../../nestjs/app.js'
import { createTopic, newTopic } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import { memoryEncryption } from '../../support/encryption.js'

const NAMES = ['kafka_correlationId', 'kafka_nest-err', 'kafka_nest-is-disposed', 'kafka_replyTopic']
const SEALED = {
  encrypt: { cmk: 'main', bindHeaders: NAMES },
  decrypt: { cmk: 'main', require: { bindHeaders: NAMES } },
} as const

let topics: { requests: string; events: string }
beforeAll(async () => {
  topics = { requests: await newTopic('nest.sum'), events: await newTopic('nest.order') }
  await createTopic(`${topics.requests}.reply`)
})

let end: () => Promise<unknown> = () => Promise.resolve()
afterEach(() => end())

/** A service that listens, and a client of it: Nest's own Kafka clients on the broker. */
async function running(rest: Pick<Parts, 'client' | 'server'> = {}) {
  const rules: TopicRule<string, string>[] = [{ match: [`${topics.requests}*`, topics.events], ...SEALED }]
  const { encryption, events } = await memoryEncryption(rules)
  const seen = handled()
  const connection = {
    client: { brokers: (process.env['KAFKA_BROKERS'] ?? '').split(','), logLevel: logLevel.NOTHING },
    consumer: { groupId: topics.requests, retry: { retries: 3, initialRetryTime: 50 } },
    run: { autoCommitThreshold: 1 },
  }
  const app = await appOf({
    encryption: () => Promise.resolve(encryption),
    topics,
    seen,
    server: { ...connection, subscribe: { fromBeginning: true }, ...rest.server },
    client: { ...connection, ...rest.client },
  })
  end = () => app.close()
  const client = app.get<ClientKafka>('KAFKA')
  const asks = rest.client?.producerOnlyMode !== true
  if (asks) client.subscribeToResponseOf(topics.requests)
  await Promise.all([app.listen(), client.connect()])
  // KafkaJS joins again later if the broker still loads the group.
  if (asks)
    await expect.poll(() => Object.keys(client.getConsumerAssignments()), { timeout: 20_000 }).toHaveLength(1)
  const ask = (data: unknown): Promise<unknown> => lastValueFrom(client.send(topics.requests, data))
  return { app, ask, client, encryption, events, seen }
}

it('requests, replies, events, errors and retries are as with plain Nest, and the broker sees none of them', async () => {
  const { app, ask, client, encryption, events, seen } = await running()

  seen.answer = ({ text }: { text: string }) => ({ echo: text })
  expect(await ask({ key: 'k', value: { text: `${CANARY} 1` }, headers: { trace: 't' } })).toEqual({
    echo: `${CANARY} 1`,
  })
  const message = (seen.contexts[0] as KafkaContext).getMessage()
  expect(message).toMatchObject({ key: 'k', headers: { trace: 't' } })
  expect(envelopeOf(message)).toMatchObject({ cmkId: 'cmk', boundHeaders: NAMES })

  seen.answer = () => {
    throw new RpcException({ code: 17, text: `${CANARY} 2` })
  }
  await expect(ask('x')).rejects.toEqual({ code: 17, text: `${CANARY} 2` })

  let calls = 0
  seen.answer = () => {
    if (++calls === 1) throw new KafkaRetriableException('once more')
    return calls
  }
  expect(await ask('x')).toBe('2')

  seen.onEvent = () => {
    if (seen.events.length === 1) throw new KafkaRetriableException('once more')
  }
  await firstValueFrom(client.emit(topics.events, { text: `${CANARY} 3` }))
  await firstValueFrom(
    client.emitBatch(topics.events, { messages: [{ value: `${CANARY} 4` }, { value: `${CANARY} 5` }] }),
  )
  await expect
    .poll(() => seen.events, { timeout: 20_000 })
    .toEqual([{ text: `${CANARY} 3` }, { text: `${CANARY} 3` }, `${CANARY} 4`, `${CANARY} 5`])

  const stored = await Promise.all(
    [topics.requests, `${topics.requests}.reply`, topics.events].map((topic) => standingOn(topic)),
  )
  expect(stored.map((records) => records.length)).toEqual([3, 3, 3])
  for (const { value, headers } of stored.flat()) {
    expect(
      `${String(value?.toString('latin1'))}${JSON.stringify(headers, (_, one: unknown) => (Buffer.isBuffer(one) ? one.toString() : one))}`,
    ).not.toContain(CANARY)
  }
  expect(encryption.health().status).toBe('ok')
  await app.close()
  end = () => Promise.resolve()
  expect(events.filter(({ name }) => name === 'consumer.stopped')).toEqual([])
  await expect(encryption.verify()).rejects.toMatchObject({ code: 'ENCRYPTION_CLOSED' })
})

it('a client in producerOnlyMode sends sealed events', async () => {
  const { client, seen } = await running({ client: { producerOnlyMode: true } })
  await firstValueFrom(client.emit(topics.events, `${CANARY} 6`))
  await expect.poll(() => seen.events, { timeout: 20_000 }).toContain(`${CANARY} 6`)
})
