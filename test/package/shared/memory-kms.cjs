const { randomBytes } = require('node:crypto')

/**
 * A KMS that takes a moment for each call, and makes its DEKs and errors with the given constructors: the application
 * may have others than the library. Its "wrapping" protects nothing.
 */
exports.memoryKms = ({ Uint8Array, later }) => {
  const mask = (bytes) => Uint8Array.from(bytes, (byte) => byte ^ 0x5a)
  return {
    describe: () => later({ provider: 'memory', publicKeyWraps: false }),
    generateDek: () => {
      const dek = Uint8Array.from(randomBytes(32))
      return later({ dek, ciphertextDek: mask(dek) })
    },
    wrapDek: ({ dek }) => later(mask(dek)),
    unwrapDek: ({ ciphertextDek }) => later(mask(ciphertextDek)),
    verify: () => later(undefined),
  }
}
