package io.github.kafkaenvelope;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Key derivation and commitment of suite 1: HKDF-SHA-256 (RFC 5869) with outputs of one hash block, 32 bytes.
 *
 * <p>Source: docs/format.md, section 7.
 */
final class Suite1 {
    static final int NUMBER = 1;
    static final int DEK = 32;

    private final byte[] pseudorandomKey;

    /**
     * @param dek 32 bytes
     * @param sessionId 16 bytes
     */
    Suite1(byte[] dek, byte[] sessionId) {
        pseudorandomKey = hmac(sessionId, dek);
    }

    byte[] contentKey() {
        return expand("kafka-envelope/v1/content/1");
    }

    /** Whether {@code commitment} belongs to the DEK; in constant time. */
    boolean commitsTo(byte[] commitment) {
        return MessageDigest.isEqual(expand("kafka-envelope/v1/commit/1"), commitment);
    }

    private byte[] expand(String info) {
        return hmac(pseudorandomKey, (info + '\u0001').getBytes(StandardCharsets.US_ASCII));
    }

    private static byte[] hmac(byte[] key, byte[] message) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            return mac.doFinal(message);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("HMAC-SHA-256 is not available", e);
        }
    }
}
