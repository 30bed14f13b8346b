package io.github.kafkaenvelope;

/**
 * The compressions that this reader implements: none and gzip.
 *
 * <p>Source: docs/format.md, sections 11 and 16.
 */
final class Compression {
    private static final int NONE = 0;
    private static final int GZIP = 1;

    private Compression() {
    }

    /** @throws EnvelopeException {@code UNKNOWN_COMPRESSION} */
    static void requireKnown(int number) {
        if (number != NONE && number != GZIP) {
            throw ErrorCode.UNKNOWN_COMPRESSION.error("the compression is not known");
        }
    }

    /**
     * @param number a known one
     * @param maxResult in bytes, for compressed data only
     * @throws EnvelopeException {@code DECOMPRESSION_FAILED} or {@code TOO_LARGE}
     */
    static byte[] decompress(int number, byte[] data, int maxResult) {
        return number == NONE ? data : Gzip.decompress(data, maxResult);
    }
}
