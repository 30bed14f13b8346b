import { expect, it } from 'vitest'
import { zstdFrameLength } from '../../src/record/zstd.js'

const MAGIC = '28b52ffd'
/** Frames written from RFC 8878, 3.1.1, with the bytes after them. */
const bytes = (...hex: string[]): Buffer => Buffer.from(hex.join(''), 'hex')

it.each([
  ['nothing', bytes(MAGIC, '20', '00', '010000'), 9],
  ['a raw block in a single segment', bytes(MAGIC, '20', '03', '190000', '616263'), 12],
  ['a window descriptor instead', bytes(MAGIC, '00', '00', '190000', '616263'), 12],
  ['an RLE block takes one byte', bytes(MAGIC, '20', '08', '430000', '61'), 10],
  ['two blocks', bytes(MAGIC, '20', '02', '080000', '61', '090000', '62'), 14],
  ['a checksum', bytes(MAGIC, '24', '01', '090000', '61', '00112233'), 14],
  [
    'a dictionary id and a long content size',
    bytes(MAGIC, 'e3', '01020304', '0100000000000000', '090000', '61'),
    21,
  ],
])('the length of a frame: %s', (_, frame, length) => {
  expect(zstdFrameLength(frame)).toBe(length)
  expect(zstdFrameLength(Buffer.concat([frame, Buffer.from('behind')]))).toBe(length)
  for (let cut = 0; cut < frame.length; cut++) expect(zstdFrameLength(frame.subarray(0, cut))).toBeUndefined()
})

it('data that is not a frame, or has a reserved block, has no length', () => {
  expect(zstdFrameLength(bytes('1f8b0800', '00000000'))).toBeUndefined()
  expect(zstdFrameLength(bytes(MAGIC, '20', '01', '0f0000', '61'))).toBeUndefined()
})
