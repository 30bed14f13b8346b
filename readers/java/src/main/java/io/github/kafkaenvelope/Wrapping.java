package io.github.kafkaenvelope;

/**
 * One entry of {@code wrappedDeks}: a DEK encrypted under a CMK. Not authenticated.
 *
 * <p>Source: docs/format.md, section 4.
 *
 * @param ciphertextDek 1 to 1,024 bytes, not copied
 */
record Wrapping(CmkRef cmk, byte[] ciphertextDek) {
    private static final int MAX_CIPHERTEXT_DEK = 1024;

    static Wrapping read(BoundedInput in) {
        String provider = in.readText(Alphabet.PROVIDER, CmkRef.MAX_PROVIDER);
        String cmkId = in.readText(Alphabet.CMK_ID, CmkRef.MAX_CMK_ID);
        return new Wrapping(new CmkRef(provider, cmkId), in.readBytes(1, MAX_CIPHERTEXT_DEK));
    }
}
