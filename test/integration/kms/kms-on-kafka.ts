import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEncryption, type Encryption } from '../../../src/index.js'
import { createKeyring, localKms } from '../../../src/kms/local/index.js'
import type { Kms } from '../../../src/kms/kms.js'
import { decryptConsumer, encryptProducer } from '../../../src/clients/kafkajs/index.js'
import { temporaryFolder } from '../../kms/local/temporary-folder.js'
import { newTopic, testKafka } from '../../support/broker.js'
import { CANARY } from '../../support/emissions.js'
import type { FaultProxy } from '../../support/fault-proxy.js'
import { until } from '../support/pair.js'
import type { FromReading, ReadingSetup } from './reading-process.js'

/** A provider with its service, for records on a real broker. */
export interface KmsOnKafka {
  readonly cmkId: string
  /** A provider that may wrap, and reaches its service through `proxy`. */
  readonly sealing: () => Kms
  readonly proxy: Pick<FaultProxy, 'inject' | 'heal' | 'close'>
  /** How another process makes a provider that may only unwrap. */
  readonly reading: Pick<ReadingSetup, 'module' | 'options'>
  readonly publicKeyWraps?: boolean
  /** Gives the CMK a new version, unless CMKs of this kind have none. */
  readonly rotate?: () => Promise<void>
  /** Disables the CMK at the service, or takes away the right to unwrap; and back. */
  readonly setEnabled: (enabled: boolean) => Promise<void>
  /** The code that stops a consumer then. */
  readonly disabledAs?: string
  readonly teardown?: () => Promise<void>
}

const READING = fileURLToPath(new URL('reading-process.ts', import.meta.url))

/** Records from one process to another that may only unwrap, through a rotation and a pause of the CMK; and two KMSs in one rule. */
export function describeKmsOnKafka(name: string, setup: () => Promise<KmsOnKafka>): void {
  describe(`${name} on a real Kafka`, { timeout: 60_000 }, () => {
    const kafka = testKafka()
    const ends: (() => Promise<unknown>)[] = []
    let under: KmsOnKafka

    beforeAll(async () => {
      under = await setup()
    }, 120_000)
    afterAll(async () => {
      for (const end of ends.splice(0).reverse()) await end()
      await under.proxy.close()
      await under.teardown?.()
    })

    const values = (from: number, count: number): string[] =>
      Array.from({ length: count }, (_, i) => `${CANARY} ${String(from + i)}`)

    async function producing(
      topic: string,
      cmks: readonly { readonly kms: 'own' | 'local'; readonly id: string }[],
      keyring = '',
    ): Promise<{ encryption: Encryption; send: (values: readonly string[]) => Promise<void> }> {
      const encryption = await createEncryption({
        kms: { own: under.sealing(), ...(keyring === '' ? {} : { local: localKms({ keyring }) }) } as Record<
          'own' | 'local',
          Kms
        >,
        cmks: { orders: cmks },
        topics: [
          {
            match: [topic],
            encrypt: { cmk: 'orders', rotate: { maxMessages: 3, allowFrequentRotation: true, prefetch: 0 } },
            decrypt: { cmk: 'orders', acceptPublicKeySealing: under.publicKeyWraps === true },
          },
        ],
        kmsRetries: 1,
        kmsTimeout: '4s',
      })
      const producer: Producer = encryptProducer(kafka.producer(), encryption)
      await producer.connect()
      ends.push(async () => {
        await producer.disconnect()
        await encryption.close()
      })
      return {
        encryption,
        async send(sent) {
          await producer.send({ topic, messages: sent.map((value) => ({ key: 'k', value })) })
        },
      }
    }

    function readingProcess(topic: string): { child: ChildProcess; got: string[]; stops: string[] } {
      const { cmkId, reading, publicKeyWraps = false } = under
      const given: ReadingSetup = { topic, cmkId, ...reading, acceptPublicKeySealing: publicKeyWraps }
      const child = fork(READING, [JSON.stringify(given)], {
        execArgv: ['--import', import.meta.resolve('tsx')],
      })
      const got: string[] = []
      const stops: string[] = []
      child.on('message', (message: FromReading) => {
        if ('value' in message) got.push(message.value)
        else stops.push(message.stopped)
      })
      ends.push(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return
        const exited = once(child, 'exit')
        child.kill('SIGKILL')
        await exited
      })
      return { child, got, stops }
    }

    it('a process that may only unwrap reads what was sealed before and after a rotation, stops while the CMK is off, and goes on', async () => {
      const topic = await newTopic(`kms.${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`)
      const { send } = await producing(topic, [{ kms: 'own', id: under.cmkId }])
      await send(values(0, 5))
      await under.rotate?.()
      await send(values(5, 5))
      const { child, got, stops } = readingProcess(topic)
      await until('records of both versions', () => got.length >= 10)
      expect(got).toEqual(values(0, 10))

      await send(values(10, 4))
      await until('the records before', () => got.length >= 14)
      // Under DEKs that the reader has not seen.
      const { encryption, send: sendMore } = await producing(topic, [{ kms: 'own', id: under.cmkId }])
      await sendMore(values(14, 1))
      await until('the first record of another process', () => got.length >= 15)
      await encryption.rotate()
      await under.setEnabled(false)
      try {
        await sendMore(values(15, 1))
        await until('the stop', () => stops.length > 0)
        expect(stops).toEqual([under.disabledAs ?? 'CMK_DISABLED'])
        expect(got).toHaveLength(15)
      } finally {
        await under.setEnabled(true)
      }
      child.send('run')
      await until('the record that stopped it', () => got.length >= 16)
      expect(got).toEqual(values(0, 16))
    })

    it('records under CMKs of two providers open while the service of one is away', async () => {
      const topic = await newTopic(`kms.two.${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`)
      const folder = await temporaryFolder()
      const keyring = folder.at('test.keyring')
      await createKeyring(keyring, [{ id: 'orders', type: 'aes-256' }])
      const cmks = [
        { kms: 'own', id: under.cmkId },
        { kms: 'local', id: 'orders' },
      ] as const
      const { send } = await producing(topic, cmks, keyring)
      await send(values(0, 4))
      const { encryption } = await producing(topic, cmks, keyring)
      under.proxy.inject({ kind: 'resets', after: 0 }, Infinity)
      const consumer = decryptConsumer(kafka.consumer({ groupId: topic, maxWaitTimeInMs: 50 }), encryption)
      ends.push(() => consumer.disconnect())
      const got: (string | undefined)[] = []
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({
        eachMessage: ({ message }) => {
          got.push(message.value?.toString())
          return Promise.resolve()
        },
      })
      await until('all records', () => got.length >= 4)
      expect(got).toEqual(values(0, 4))
      under.proxy.heal()
    })
  })
}
