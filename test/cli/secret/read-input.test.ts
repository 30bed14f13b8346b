import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readInput } from '../../../src/cli/secret/read-input.js'

const { signal } = new AbortController()
const INPUT = { maxBytes: 100, nameOf: (file: string) => file }

function standardInput(): PassThrough {
  const stream = new PassThrough()
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(stream as unknown as typeof process.stdin)
  return stream
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('standard input', () => {
  it('standard input is read to its end, and the chunks are wiped', async () => {
    const stream = standardInput()
    const chunk = Buffer.from('hunter2')
    stream.end(chunk)
    expect((await readInput('-', INPUT, signal)).toString()).toBe('hunter2')
    expect(chunk).toEqual(Buffer.alloc(7))
  })

  it('standard input is read up to one byte more than the bound, however much there is', async () => {
    const stream = standardInput()
    stream.write(Buffer.alloc(50_000, 'x'))
    expect(await readInput('-', INPUT, signal)).toHaveLength(101)
    expect(stream.destroyed).toBe(true)
  })

  it('an interrupt ends the wait for standard input', async () => {
    const stream = standardInput()
    const controller = new AbortController()
    const reading = readInput('-', INPUT, controller.signal)
    controller.abort()
    await Promise.all([once(stream, 'close'), reading.catch(() => 'ended')])
  })
})
