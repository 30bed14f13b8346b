/*
 * How the bytes of an input for the opener are read, so that a fuzzer which only changes bytes reaches what
 * stands behind a tag: the target seals what the input describes.
 *
 * input     = %x00-7F *OCTET                    ; even: the rest is a record value as it stands
 *           / %x01-7F wrappedDeks headerStart iv key headers change data      ; odd
 * iv        = 12OCTET
 * key       = chunk
 * headers   = count count(name value)           ; chunks; a value whose length says FFFF is null
 * change    = u16 %x01-FF                       ; where and how one byte is changed afterwards
 * chunk     = u16(length) *OCTET
 */

/** Bits of the first byte. */
export const FLAGS = { crafted: 1, changed: 2, strict: 4, keyNull: 8, gzip: 16, badCommitment: 32 } as const

/** The record that an input describes. */
export interface Layout {
  readonly flags: number
  /** The field as on the wire, in any form. */
  readonly wrappedDeks: Buffer
  /** The header up to its session id, in any form. */
  readonly headerStart: Buffer
  readonly iv: Buffer
  readonly key: Buffer
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
  readonly change: { readonly at: number; readonly xor: number }
  /** The data to seal, unchanged or after compression with gzip. */
  readonly data: Buffer
}

const NULL_LENGTH = 0xffff

export function writeLayout(layout: Layout): Buffer {
  const u16 = (n: number): Buffer => Buffer.of(n >> 8, n & 0xff)
  const chunk = (bytes: Buffer | null): Buffer =>
    bytes === null ? u16(NULL_LENGTH) : Buffer.concat([u16(bytes.length), bytes])
  const { flags, wrappedDeks, headerStart, iv, key, headers, change, data } = layout
  return Buffer.concat([
    Buffer.of(flags),
    chunk(wrappedDeks),
    chunk(headerStart),
    iv,
    chunk(key),
    Buffer.of(headers.length),
    ...headers.flatMap(([name, value]) => [chunk(Buffer.from(name)), chunk(value)]),
    u16(change.at),
    Buffer.of(change.xor),
    data,
  ])
}

/** Reads any bytes: what is missing at the end is zero or empty. */
export function readLayout(bytes: Buffer): Layout {
  let at = 0
  const take = (length: number): Buffer => bytes.subarray(at, (at += length))
  const u8 = (): number => bytes[at++] ?? 0
  const u16 = (): number => u8() * 256 + u8()
  const chunk = (): Buffer => take(u16())
  const flags = u8()
  const wrappedDeks = chunk()
  const headerStart = chunk()
  const iv = Buffer.alloc(12)
  take(12).copy(iv)
  const key = chunk()
  const headers = Array.from({ length: u8() }, (): [string, Buffer | null] => {
    const name = chunk().toString()
    const length = u16()
    return [name, length === NULL_LENGTH ? null : take(length)]
  })
  const change = { at: u16(), xor: u8() || 1 }
  return { flags, wrappedDeks, headerStart, iv, key, headers, change, data: bytes.subarray(at) }
}
