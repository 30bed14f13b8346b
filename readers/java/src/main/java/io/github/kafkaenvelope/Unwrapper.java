package io.github.kafkaenvelope;

/**
 * Unwraps the DEKs of one provider: the interface to a KMS. Implementations are safe for use by several threads.
 *
 * <p>The library calls it only for a (provider, cmkId) that is in the rule, and caches the result. Endpoint,
 * region and credentials come from the implementation's own configuration; {@code cmkId} must not decide where a call
 * goes.
 * If the KMS returns the id of the key that it used, the implementation compares it with the configured one. An
 * implementation limits its time and its calls, separately from calls for sealing.
 *
 * <p>Source: docs/format.md, sections 10, 13 and 14.
 */
public interface Unwrapper {
    /**
     * Whether anyone who has the CMK's public key can make the wrapping. Such a wrapping is tried only by a rule with
     * {@link ReadRule.Builder#acceptPublicKeySealing(boolean)}.
     */
    boolean asymmetric();

    /**
     * Decrypts a DEK.
     *
     * @param cmkId the id of the CMK
     * @param ciphertextDek 1 to 1,024 bytes, from an untrusted source
     * @param canonicalContext the encryption context as JSON, keys ascending, such as
     *     {@code {"env":"prod","tenant":"acme"}}; empty for no context: then omit the parameter in the call to the KMS
     * @return the DEK, 32 bytes; any other result counts as {@code UNWRAP_FAILED}
     * @throws EnvelopeException made by {@link #unwrapFailed()} if the ciphertext DEK does not decrypt under this CMK
     *     and context; of kind {@link Kind#TRANSIENT}, such as {@code KMS_TIMEOUT}, if the KMS is unavailable,
     *     throttled or timed out, or a limit on calls is reached; of kind {@link Kind#UNREADABLE}, such as {@code
     *     KMS_DENIED}, if access is denied or the CMK is disabled or deleted. Any other exception, and any other of
     *     kind {@link Kind#INVALID}, is reported as {@code KMS_UNAVAILABLE} with that exception as its cause, so its
     *     text must contain neither key bytes nor record content
     */
    byte[] unwrap(String cmkId, byte[] ciphertextDek, String canonicalContext);

    /**
     * Whether a CMK unwraps what another CMK of the provider wrapped, as replicas of one key do for each other. If so,
     * {@link #unwrap} gets the id of the first. By default a CMK unwraps only under its own id.
     *
     * @param cmkId of a CMK in the rule
     * @param otherCmkId from an envelope, not authenticated: decide by the two ids alone
     */
    default boolean unwrapsFor(String cmkId, String otherCmkId) {
        return false;
    }

    /** The failure {@code UNWRAP_FAILED}, of kind {@link Kind#INVALID}. */
    static EnvelopeException unwrapFailed() {
        return ErrorCode.UNWRAP_FAILED.error("the ciphertext DEK does not unwrap under its CMK and context");
    }
}
