/**
 * The shortest bytes that occur in no sample: between two runs, they keep any text that reaches from one into the other
 * from being text of a sample. One byte for text; several if the samples use all bytes.
 */
export function separatorFor(samples: readonly Buffer[]): Buffer {
  for (let length = 1; ; length++) {
    for (let candidate = 0; candidate < 2 ** (8 * length); candidate++) {
      const separator = Buffer.alloc(length)
      separator.writeUIntBE(candidate, 0, length)
      if (!samples.some((sample) => sample.includes(separator))) return separator
    }
  }
}
