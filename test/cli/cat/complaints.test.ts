import { describe, expect, it } from 'vitest'
import { Complaints } from '../../../src/cli/cat/complaints.js'
import { keyOf } from '../../../src/cli/cat/key-of.js'
import { EnvelopeError } from '../../../src/errors.js'
import type { ReadOpened } from '../../../src/operate/index.js'

const record = { topic: 'orders', partition: 0, offset: '0', timestamp: '0', key: null, headers: {} } as const
const opened: ReadOpened = { ...record, value: null, envelope: undefined }
const error = new EnvelopeError('NOT_SEALED', 'the value is not an envelope')
const failed: ReadOpened = { ...record, failure: { error, check: 'prefix', step: 1 } }

function told(): { complaints: Complaints; lines: string[] } {
  const lines: string[] = []
  return { complaints: new Complaints((line) => lines.push(line)), lines }
}

describe('what cat says on standard error', () => {
  it('nothing if each record opens', () => {
    const { complaints, lines } = told()
    complaints.comes(opened, false)
    complaints.end()
    expect([complaints.isAny, lines]).toEqual([false, []])
  })

  it('each record that does not open, and what to do about it once', () => {
    const { complaints, lines } = told()
    for (const each of [failed, opened, failed]) complaints.comes(each, false)
    complaints.end()
    expect(complaints.isAny).toBe(true)
    expect(lines.map((line) => line.slice(0, 32))).toEqual([
      'orders:0:0 does not open: NOT_SE',
      '  Find the producer that writes ',
      'orders:0:0 does not open: NOT_SE',
      '2 of 3 records did not open\n',
    ])
  })

  it('with JSON lines, only how many did not open', () => {
    const { complaints, lines } = told()
    complaints.comes(failed, true)
    complaints.end()
    expect(lines).toEqual(['1 of 1 records did not open\n'])
  })

  it('a wait at its begin and every half a minute, and again after a record came', () => {
    const { complaints, lines } = told()
    const waits = (waitedMs: number): void => {
      const place = { topic: 'orders', partition: 3, offset: '17' }
      complaints.waits({ ...place, code: 'KMS_UNAVAILABLE', what: 'no\u001bw', waitedMs })
    }
    for (const waitedMs of [0, 10_000, 30_000, 59_000]) waits(waitedMs)
    complaints.comes(opened, false)
    waits(0)
    const line = 'waiting for a KMS to open orders:3:17: KMS_UNAVAILABLE: no\\x1bw'
    expect(lines).toEqual([`${line}\n`, `${line}; waited for 30 s\n`, `${line}\n`])
    expect(complaints.isAny).toBe(false)
  })

  it('offsets for which the broker gave nothing', () => {
    const { complaints, lines } = told()
    complaints.unread({ topic: 'orders', partition: 3, from: 5n, to: 10n })
    expect(complaints.isAny).toBe(true)
    expect(lines.join('')).toMatch(/^partition 3: the broker returned nothing for offsets 5 to 9;/)
  })
})

describe('--key', () => {
  it('it is text, or bytes in hex', () => {
    expect(keyOf('order-17')).toEqual(Buffer.from('order-17'))
    expect(keyOf('')).toEqual(Buffer.alloc(0))
    expect(keyOf('hex:00Ff')).toEqual(Buffer.from([0, 255]))
    expect(keyOf('hex:')).toEqual(Buffer.alloc(0))
  })

  it.each(['hex:0', 'hex:0g', 'hex: 00'])('%s is refused', (text) => {
    expect(() => keyOf(text)).toThrow('Expected pairs of hex digits')
  })
})
