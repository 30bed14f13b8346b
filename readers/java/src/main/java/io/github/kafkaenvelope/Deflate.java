package io.github.kafkaenvelope;

import java.io.ByteArrayOutputStream;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Decompression of raw DEFLATE data.
 *
 * <p>Source: docs/format.md, section 11; RFC 1951.
 */
final class Deflate {
    private static final int CHUNK = 8192;

    private Deflate() {
    }

    /**
     * Decompresses exactly one stream with nothing after it.
     *
     * @param maxResult in bytes; a result of exactly this size is accepted
     * @throws EnvelopeException {@code DECOMPRESSION_FAILED} or {@code TOO_LARGE}
     */
    static byte[] decompress(byte[] data, byte[] dictionary, int maxResult) {
        Stream stream = inflate(data, 0, dictionary, maxResult);
        if (stream.end() != data.length) {
            throw ErrorCode.DECOMPRESSION_FAILED.error("the data does not end with one stream");
        }
        return stream.result();
    }

    /**
     * Decompresses one stream, which bytes may follow.
     *
     * @param start where it starts
     * @param dictionary empty for none
     */
    static Stream inflate(byte[] data, int start, byte[] dictionary, int maxResult) {
        Inflater inflater = new Inflater(true);
        try {
            if (dictionary.length > 0) {
                inflater.setDictionary(dictionary);
            }
            inflater.setInput(data, start, data.length - start);
            ByteArrayOutputStream result = new ByteArrayOutputStream();
            byte[] chunk = new byte[CHUNK];
            while (!inflater.finished()) {
                int n = inflater.inflate(chunk);
                if (n == 0 && !inflater.finished()) {
                    throw ErrorCode.DECOMPRESSION_FAILED.error("the data ends too early");
                }
                if (n > maxResult - result.size()) {
                    throw ErrorCode.TOO_LARGE.error("the decompressed value exceeds maxDecompressedBytes");
                }
                result.write(chunk, 0, n);
            }
            return new Stream(result.toByteArray(), data.length - inflater.getRemaining());
        } catch (DataFormatException e) {
            throw ErrorCode.DECOMPRESSION_FAILED.error("the compressed data is faulty");
        } finally {
            inflater.end();
        }
    }

    /**
     * @param result what it decompresses to
     * @param end where it ends in the data
     */
    record Stream(byte[] result, int end) {
    }
}
