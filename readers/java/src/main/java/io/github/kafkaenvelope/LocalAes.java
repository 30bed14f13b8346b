package io.github.kafkaenvelope;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;

/**
 * The wrapping {@code local}: AES-256-GCM under one version of a CMK.
 *
 * <p>Source: docs/format.md, section 10.
 */
final class LocalAes {
    private static final int VERSION = 4;
    private static final int IV = 12;
    private static final int LENGTH = 64;

    private LocalAes() {
    }

    /**
     * @param versions version (1 to 2^32 − 1) to key (32 bytes)
     * @throws EnvelopeException {@code UNWRAP_FAILED} or {@code CMK_NOT_FOUND}
     */
    static byte[] unwrap(String cmkId, Map<Long, byte[]> versions, byte[] ciphertextDek, String canonicalContext) {
        if (ciphertextDek.length != LENGTH) {
            throw Unwrapper.unwrapFailed();
        }
        long version = Integer.toUnsignedLong(ByteBuffer.wrap(ciphertextDek).getInt());
        if (version == 0) {
            throw Unwrapper.unwrapFailed();
        }
        byte[] key = versions.get(version);
        if (key == null) {
            throw ErrorCode.CMK_NOT_FOUND.error("the CMK lacks the version");
        }
        byte[] iv = Arrays.copyOfRange(ciphertextDek, VERSION, VERSION + IV);
        byte[] ciphertextAndTag = Arrays.copyOfRange(ciphertextDek, VERSION + IV, LENGTH);
        return AesGcm.decrypt(key, iv, aad(cmkId, canonicalContext), ciphertextAndTag).orElseThrow(Unwrapper::unwrapFailed);
    }

    static byte[] aad(String cmkId, String canonicalContext) {
        ByteArrayOutputStream aad = new ByteArrayOutputStream();
        aad.writeBytes("kafka-envelope/local/v1".getBytes(StandardCharsets.US_ASCII));
        aad.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(cmkId.length()).array());
        aad.writeBytes(cmkId.getBytes(StandardCharsets.US_ASCII));
        aad.writeBytes(canonicalContext.getBytes(StandardCharsets.US_ASCII));
        return aad.toByteArray();
    }
}
