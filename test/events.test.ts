import { afterEach, expect, it, vi } from 'vitest'
import { EventHub } from '../src/events.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const SPLIT = { topics: ['a'], parts: 2 }

it('listeners get events in order until they are removed', () => {
  const hub = new EventHub()
  const seen: string[] = []
  const remove = hub.on('send.split', () => seen.push('first'))
  hub.on('send.split', () => seen.push('second'))
  hub.on('consumer.stopped', () => seen.push('other'))
  hub.emit('send.split', SPLIT)
  remove()
  hub.emit('send.split', SPLIT)
  expect(seen).toEqual(['first', 'second', 'second'])
})

it('a listener that rejects is reported like one that throws, and does not end the process', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockReturnValue()
  const hub = new EventHub()
  hub.on('send.split', () => Promise.reject(new RangeError('secret')))
  hub.on('send.split', async () => Promise.resolve('fine'))
  hub.on('send.split', () => ({
    then: (_: unknown, reject: (why: unknown) => void) => {
      reject('of another promise library')
    },
  }))
  hub.emit('send.split', SPLIT)
  await new Promise((resolve) => setImmediate(resolve))
  expect(warned.mock.calls).toEqual([
    ["a listener of 'send.split' rejected with string", 'KafkaEnvelopeWarning'],
    ["a listener of 'send.split' rejected with RangeError", 'KafkaEnvelopeWarning'],
  ])
})

it('a listener that throws affects nothing else, and its error is not quoted', () => {
  const warned = vi.spyOn(process, 'emitWarning').mockReturnValue()
  const hub = new EventHub()
  const seen: unknown[] = []
  hub.on('send.split', () => {
    throw new RangeError('secret')
  })
  hub.on('send.split', (event) => seen.push(event))
  hub.emit('send.split', SPLIT)
  expect(seen).toEqual([SPLIT])
  expect(warned).toHaveBeenCalledExactlyOnceWith(
    "a listener of 'send.split' threw RangeError",
    'KafkaEnvelopeWarning',
  )
})
