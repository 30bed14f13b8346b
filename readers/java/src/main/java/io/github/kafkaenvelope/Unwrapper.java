package io.github.kafkaenvelope;

/**
 * Unwraps the DEKs of one provider: the interface to a KMS. Implementations are safe for use by several threads.
 *
 * <p>The library calls it only for a wrapping whose (provider, cmkId) stands in the rule, and caches what it returns.
 * Endpoint, region and credentials come from the implementation's own configuration; {@code cmkId} must not be made part
 * of a URL. Where the KMS returns the id of the key that it used, the implementation compares it with the configured one.
 * An implementation limits its time and its calls, apart from calls for sealing.
 *
 * <p>Source: docs/format.md, sections 10, 13 and 14.
 */
public interface Unwrapper {
    /**
     * Whether whoever has the CMK's public key can make the wrapping. Such a wrapping is tried only by a rule with
     * {@link ReadRule.Builder#acceptPublicKeySealing(boolean)}.
     */
    boolean asymmetric();

    /**
     * Decrypts a DEK.
     *
     * @param cmkId which CMK
     * @param ciphertextDek 1 to 1,024 bytes, from an untrusted source
     * @param canonicalContext the encryption context as JSON, keys ascending, such as
     *     {@code {"env":"prod","tenant":"acme"}}; empty for no context, and then no parameter at all in a call to a KMS
     * @return the DEK, 32 bytes; any other result counts as {@code UNWRAP_FAILED}
     * @throws EnvelopeException made by {@link #unwrapFailed()} where the ciphertext DEK does not decrypt under this CMK
     *     and context; of kind {@link Kind#TRANSIENT}, such as {@code KMS_TIMEOUT}, where the KMS is unavailable, throttled
     *     or timed out or a limit on calls is reached; of kind {@link Kind#UNREADABLE}, such as {@code KMS_DENIED}, where
     *     access is denied or the CMK is disabled or gone. Any other exception, and any other of kind
     *     {@link Kind#INVALID}, is reported as {@code KMS_UNAVAILABLE} with that exception as its cause, whose text must
     *     therefore have neither key bytes nor record content
     */
    byte[] unwrap(String cmkId, byte[] ciphertextDek, String canonicalContext);

    /** The failure {@code UNWRAP_FAILED}, of kind {@link Kind#INVALID}. */
    static EnvelopeException unwrapFailed() {
        return ErrorCode.UNWRAP_FAILED.error("the ciphertext DEK does not unwrap under its CMK and context");
    }
}
