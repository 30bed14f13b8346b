import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { decryptConsumer } from '../../../src/clients/platformatic/index.js'
import { close, fixture, fromStart, plainConsumer } from './support.js'

const COUNT = 1500

it.each(['classic', 'consumer'])(
  'Platformatic: consumers that join and leave, while one is slow, lose nothing (group protocol %s)',
  async (groupProtocol) => {
    const made = await fixture(`plt.joins.${groupProtocol}`, {}, 2)
    await made.producer().send({
      messages: Array.from({ length: COUNT }, (_, i) => ({
        ...{ topic: made.topic, partition: i % 2 },
        value: Buffer.from(String(i)),
      })),
    })
    const handled: string[] = []
    const start = async (): Promise<() => Promise<void>> => {
      // Small fetches: there are always more to come.
      const consumer = decryptConsumer(
        plainConsumer(`plt.joins.${groupProtocol}`, { maxBytes: 50_000, groupProtocol }),
        made.encryption,
      )
      const stream = await consumer.consume(fromStart(made.topic, { autocommit: true }))
      const reading = (async () => {
        for await (const { value } of stream) {
          await sleep(2)
          handled.push(value.toString())
        }
      })()
      return async () => {
        await close(consumer)
        await reading
      }
    }
    const stay = await start()
    await sleep(500)
    for (const ms of [700, 1500]) {
      const leave = await start()
      await sleep(ms)
      await leave()
    }
    for (let i = 0; new Set(handled).size < COUNT && i < 3000; i++) await sleep(10)
    await stay()
    expect(new Set(handled).size).toBe(COUNT)
    // Those that were handled, but not committed yet, when their partition went to another consumer.
    expect(handled.length - COUNT).toBeLessThan(COUNT / 5)
    await made.end()
  },
)
