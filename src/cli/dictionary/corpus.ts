/** All samples in one row. A separator, symbol 0, ends each of them; a byte is one more than its value. */
export interface Corpus {
  readonly symbols: Uint16Array
  /** For each position, the sample that it belongs to. */
  readonly sampleAt: Int32Array
  readonly sampleCount: number
}

export function corpusOf(samples: readonly Uint8Array[]): Corpus {
  const length = samples.reduce((sum, sample) => sum + sample.length + 1, 0)
  const symbols = new Uint16Array(length)
  const sampleAt = new Int32Array(length)
  let at = 0
  for (const [index, sample] of samples.entries()) {
    sampleAt.fill(index, at, at + sample.length + 1)
    for (const byte of sample) symbols[at++] = byte + 1
    at++
  }
  return { symbols, sampleAt, sampleCount: samples.length }
}

/** The bytes of a run. */
export function bytesAt({ symbols }: Corpus, start: number, length: number): Buffer {
  return Buffer.from(symbols.subarray(start, start + length).map((symbol) => symbol - 1))
}
