package io.github.kafkaenvelope;

/**
 * The compressions that this reader implements: none, gzip, and deflate with a preset dictionary.
 *
 * <p>Source: docs/format.md, sections 11 and 16.
 */
final class Compression {
    static final int NONE = 0;
    static final int GZIP = 1;
    static final int ZSTD = 2;
    static final int DEFLATE_DICTIONARY = 3;

    private Compression() {
    }

    /** @throws EnvelopeException {@code UNKNOWN_COMPRESSION} or {@code DICTIONARY_UNKNOWN} */
    static void requireKnown(EnvelopeHeader header, Dictionaries dictionaries) {
        switch (header.compression()) {
            case NONE, GZIP -> {
            }
            case DEFLATE_DICTIONARY -> dictionaries.require(header.dictionary());
            default -> throw ErrorCode.UNKNOWN_COMPRESSION.error("the compression is not known");
        }
    }

    /**
     * @param header one whose compression is known
     * @param maxResult in bytes, for compressed data only
     * @throws EnvelopeException {@code DECOMPRESSION_FAILED} or {@code TOO_LARGE}
     */
    static byte[] decompress(EnvelopeHeader header, Dictionaries dictionaries, byte[] data, int maxResult) {
        return switch (header.compression()) {
            case NONE -> data;
            case GZIP -> Gzip.decompress(data, maxResult);
            default -> Deflate.decompress(data, dictionaries.require(header.dictionary()), maxResult);
        };
    }
}
