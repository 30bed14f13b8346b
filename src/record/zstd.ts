const MAGIC = 0xfd2fb528
const RLE_BLOCK = 1
const RESERVED_BLOCK = 3
/** Magic number, descriptor, one byte of window or size, the header of a block. */
const SHORTEST = 9

/**
 * The length of the zstd frame at the start (RFC 8878, 3.1.1), or undefined if there is no whole frame. The decoder
 * verifies the content. This function only shows that no bytes follow the first frame, which the decoder would accept
 * as a second one.
 */
export function zstdFrameLength(bytes: Buffer): number | undefined {
  if (bytes.length < SHORTEST || bytes.readUInt32LE(0) !== MAGIC) return undefined
  const descriptor = bytes[4] ?? 0
  const singleSegment = (descriptor >> 5) & 1
  const contentSizeBytes = [singleSegment, 2, 4, 8][descriptor >> 6] ?? 0
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  let at = 5 + (1 - singleSegment) + dictionaryIdBytes + contentSizeBytes
  for (let last = false; !last;) {
    if (at + 3 > bytes.length) return undefined
    const header = bytes.readUIntLE(at, 3)
    const type = (header >> 1) & 3
    if (type === RESERVED_BLOCK) return undefined
    last = (header & 1) === 1
    at += 3 + (type === RLE_BLOCK ? 1 : header >> 3)
  }
  const end = at + ((descriptor >> 2) & 1 ? 4 : 0)
  return end <= bytes.length ? end : undefined
}
