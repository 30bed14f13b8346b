import type { Kafka } from 'kafkajs'
import { expect, it } from 'vitest'
import { scan } from '../../../src/operate/index.js'

it('a scan that is interrupted while it connects ends with the reason, not with the error of the connection', async () => {
  const controller = new AbortController()
  const admin = {
    connect: () => {
      controller.abort(new Error('interrupted'))
      return Promise.reject(new Error('Connection error'))
    },
    disconnect: () => Promise.resolve(),
  }
  const kafka = { admin: () => admin } as unknown as Kafka
  await expect(scan({ kafka, topics: ['t'], signal: controller.signal })).rejects.toBe(
    controller.signal.reason,
  )
  await expect(scan({ kafka, topics: ['t'] })).rejects.toThrow('Connection error')
})
