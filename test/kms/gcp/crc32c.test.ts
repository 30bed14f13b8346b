import { expect, it } from 'vitest'
import { crc32c } from '../../../src/kms/gcp/crc32c.js'
import { checksumOf } from '../../emulators/gcp/wire.js'

const ISCSI_READ = Buffer.from(
  '01c00000000000000000000000000000140000000000040000000014000000182800000000000000' + '0200000000000000',
  'hex',
)

/** RFC 3720, B.4 (where the bytes are in the order of the wire), and the check value of the catalogue of CRCs. */
const VECTORS: readonly (readonly [Uint8Array, number])[] = [
  [Buffer.alloc(0), 0],
  [Buffer.alloc(32), 0x8a9136aa],
  [Buffer.alloc(32, 0xff), 0x62a8ab43],
  [Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
  [Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
  [ISCSI_READ, 0xd9963a56],
  [Buffer.from('123456789'), 0xe3069283],
]

it('CRC32C gives the values of RFC 3720', () => {
  expect(VECTORS.map(([bytes]) => crc32c(bytes))).toEqual(VECTORS.map(([, value]) => value))
})

it('CRC32C of the provider and of the emulator agree', () => {
  for (let length = 0; length < 300; length += 7) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 151 + length) & 0xff)
    expect(String(crc32c(bytes))).toBe(checksumOf(bytes))
  }
})
