/** All samples in one row. A separator, symbol 0, ends each of them; a byte is one more than its value. */
export interface Corpus {
  readonly symbols: Uint16Array
  /** For each position, the group of its sample. */
  readonly groupAt: Int32Array
  readonly groupCount: number
}

/** @param groups of each sample the number of its group, from 0 */
export function corpusOf(samples: readonly Uint8Array[], groups: readonly number[]): Corpus {
  const length = samples.reduce((sum, sample) => sum + sample.length + 1, 0)
  const symbols = new Uint16Array(length)
  const groupAt = new Int32Array(length)
  let at = 0
  for (const [index, sample] of samples.entries()) {
    groupAt.fill(groups[index] as number, at, at + sample.length + 1)
    for (const byte of sample) symbols[at++] = byte + 1
    at++
  }
  return { symbols, groupAt, groupCount: groups.reduce((max, group) => Math.max(max, group + 1), 0) }
}

/** The bytes of a run. */
export function bytesAt({ symbols }: Corpus, start: number, length: number): Buffer {
  return Buffer.from(symbols.subarray(start, start + length).map((symbol) => symbol - 1))
}
