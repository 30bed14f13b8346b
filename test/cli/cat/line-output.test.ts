import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { LineOutput } from '../../../src/cli/cat/line-output.js'

describe('LineOutput', () => {
  it('other work gets its turn while an output that takes everything at once is written to', async () => {
    const output = new LineOutput(
      new Writable({
        write: (_chunk, _encoding, done) => {
          done()
        },
      }),
    )
    let isDone = false
    setImmediate(() => (isDone = true))
    for (let n = 0; n < 16; n++) await output.write('x'.repeat(1023))
    expect(isDone).toBe(false)
    await output.write('x'.repeat(1023))
    expect(isDone).toBe(true)
  })

  it('a reader that closes the output is no failure, and ends the wait for room', async () => {
    const output = new Writable({ highWaterMark: 1, write: () => undefined })
    const lines = new LineOutput(output)
    const written = lines.write('no room')
    output.destroy(Object.assign(new Error('closed'), { code: 'EPIPE' }))
    await written
    expect(lines.isClosed).toBe(true)
    await lines.write('nobody reads it')
  })
})
