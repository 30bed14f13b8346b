package io.github.kafkaenvelope;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;

/**
 * The dictionaries of a reader, by their SHA-256.
 *
 * <p>Source: docs/format.md, section 11.
 */
final class Dictionaries {
    private static final int MAX_BYTES = 32_768;

    private final Map<ByteBuffer, byte[]> byName = new HashMap<>();

    /** @throws IllegalArgumentException if one does not have 1 to 32,768 bytes */
    Dictionaries(Collection<byte[]> dictionaries) {
        for (byte[] dictionary : dictionaries) {
            if (dictionary.length < 1 || dictionary.length > MAX_BYTES) {
                throw new IllegalArgumentException("a dictionary does not have 1 to 32,768 bytes");
            }
            byName.put(ByteBuffer.wrap(sha256(dictionary)), dictionary.clone());
        }
    }

    /** @throws EnvelopeException {@code DICTIONARY_UNKNOWN} */
    byte[] require(byte[] name) {
        byte[] dictionary = byName.get(ByteBuffer.wrap(name));
        if (dictionary == null) {
            throw ErrorCode.DICTIONARY_UNKNOWN.error("the reader does not have the dictionary");
        }
        return dictionary;
    }

    private static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
