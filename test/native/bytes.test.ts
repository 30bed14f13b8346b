import { describe, expect, it } from 'vitest'
import {
  body,
  createKey,
  openBoth,
  openInto,
  openedByNode,
  pack,
  seal,
  sealedByNode,
  sealing,
  sealInto,
  seeded,
  type Plain,
} from './batch.js'

const LENGTHS = [0, 1, 15, 16, 17, 255, 1024, 10_000, 102_400]
const AADS = [0, 1, 13, 16, 200, 4096]

function batches(): { seed: number; records: Plain[]; key: Buffer; firstCounter: number }[] {
  return [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => {
    const random = seeded(seed)
    const pick = (of: readonly number[]): number => of[random.below(of.length)] ?? 0
    const records = Array.from({ length: seed === 1 ? 1 : random.below(40) }, () => ({
      body: random.bytes(pick(LENGTHS)),
      aad: random.bytes(pick(AADS)),
    }))
    return {
      seed,
      records,
      key: random.bytes(32),
      firstCounter: random.below(2 ** 32) * (seed % 2 === 0 ? 2 ** 20 : 1),
    }
  })
}

describe.each(batches())('a batch of random records, seed $seed', ({ records, key, firstCounter }) => {
  const expected = (): ReturnType<typeof pack> => sealedByNode(key, firstCounter, records)

  it('the batch seals to the bytes of node:crypto', () => {
    const batch = pack(records)
    seal(createKey(key), firstCounter, batch.data, batch.aads, batch.layout)
    expect(batch.data.equals(expected().data)).toBe(true)
  })

  it('the batch seals into another buffer to the same bytes, and its source stays as it is', () => {
    const batch = pack(records)
    records.forEach((_, i) => body(batch, i).fill(0xee))
    const { layout, source } = sealing(batch, records)
    sealInto(createKey(key), firstCounter, source, batch.data, batch.aads, layout)
    expect(batch.data.equals(expected().data)).toBe(true)
    expect(source.equals(Buffer.concat(records.map((record) => record.body)))).toBe(true)
  })

  it('the batch opens after node:crypto sealed it, at once and one by one, and its source stays unchanged', () => {
    const batch = expected()
    const { failed, opened, bodies } = openBoth(createKey(key), batch)
    expect(failed).toBe(0)
    expect(opened.every((one) => one === 1)).toBe(true)
    expect(bodies.every((one, i) => one.equals(records[i]?.body ?? Buffer.alloc(0)))).toBe(true)
    expect(batch.data.equals(expected().data)).toBe(true)
  })
})

it('a record of 1 MiB seals to the bytes of node:crypto and opens again', () => {
  const random = seeded(9)
  const key = random.bytes(32)
  const records = [{ body: random.bytes(2 ** 20), aad: random.bytes(100) }]
  const batch = pack(records)
  const handle = createKey(key)
  seal(handle, 5, batch.data, batch.aads, batch.layout)
  expect(openedByNode(key, batch, 0).equals(records[0]?.body ?? Buffer.alloc(0))).toBe(true)
  expect(openBoth(handle, batch).bodies[0]?.equals(records[0]?.body ?? Buffer.alloc(0))).toBe(true)
})

it('a batch of no records seals and opens', () => {
  const key = createKey(Buffer.alloc(32))
  const nothing = new Uint8Array(0)
  seal(key, Number.MAX_SAFE_INTEGER, nothing, nothing, new Uint32Array(0))
  sealInto(key, Number.MAX_SAFE_INTEGER, nothing, nothing, nothing, new Uint32Array(0))
  expect(openInto(key, nothing, nothing, nothing, new Uint32Array(0), nothing)).toBe(0)
})

// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B. Their IV is the counter 0.
it.each([
  { name: '13', plaintext: '', sealed: '530f8afbc74536b9a963b4f1c4cb738b' },
  {
    name: '14',
    plaintext: '00000000000000000000000000000000',
    sealed: 'd0d1c8a799996bf0265b98b5d48ab919cea7403d4d606b6e074ec5d3baf39d18',
  },
])('test case $name of the authors of GCM seals to their bytes', ({ plaintext, sealed }) => {
  const batch = pack([{ body: Buffer.from(plaintext, 'hex'), aad: Buffer.alloc(0) }])
  seal(createKey(Buffer.alloc(32)), 0, batch.data, batch.aads, batch.layout)
  expect(batch.data.subarray(4 + 12).toString('hex')).toBe(sealed)
})

// Cases 15 and 16 have IVs that no counter of ours gives: they only open.
const PLAINTEXT =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
  '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255'
const CIPHERTEXT =
  '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
  '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad'
it.each([
  { name: '15', bytes: 64, aad: '', tag: 'b094dac5d93471bdec1a502270e3cc6c' },
  {
    name: '16',
    bytes: 60,
    aad: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    tag: '76fc6ece0f4e1768cddf8853bb2d551b',
  },
])('test case $name of the authors of GCM opens to their plaintext', ({ bytes, aad, tag }) => {
  const key = Buffer.from('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308', 'hex')
  const data = Buffer.from(`cafebabefacedbaddecaf888${tag}${CIPHERTEXT.slice(0, 2 * bytes)}`, 'hex')
  const authenticated = Buffer.from(aad, 'hex')
  const layout = Uint32Array.of(0, 12, 28, data.length, 0, authenticated.length)
  const { failed, bodies } = openBoth(createKey(key), { data, aads: authenticated, layout })
  expect(failed).toBe(0)
  expect(bodies[0]?.toString('hex')).toBe(PLAINTEXT.slice(0, 2 * bytes))
})
