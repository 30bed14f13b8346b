package io.github.kafkaenvelope;

import java.util.zip.CRC32;

/**
 * Decompression of exactly one gzip member with nothing after it.
 *
 * <p>The stream classes of the JDK accept several members, reserved flags and trailing bytes, which the format forbids.
 * So the member is parsed here, and only DEFLATE and CRC-32 come from the JDK.
 *
 * <p>Source: docs/format.md, section 11; RFC 1952.
 */
final class Gzip {
    private static final int FHCRC = 0x02;
    private static final int FEXTRA = 0x04;
    private static final int FNAME = 0x08;
    private static final int FCOMMENT = 0x10;
    private static final int RESERVED = 0xE0;
    private static final int FIXED_HEADER = 10;
    private static final int TRAILER = 8;
    private static final byte[] NO_DICTIONARY = {};

    private final byte[] data;
    private int position;

    private Gzip(byte[] data) {
        this.data = data;
    }

    /**
     * @param maxResult in bytes; a result of exactly this size is accepted
     * @throws EnvelopeException {@code DECOMPRESSION_FAILED} or {@code TOO_LARGE}
     */
    static byte[] decompress(byte[] data, int maxResult) {
        Gzip member = new Gzip(data);
        member.skipHeader();
        Deflate.Stream stream = Deflate.inflate(data, member.position, NO_DICTIONARY, maxResult);
        member.position = stream.end();
        member.verifyTrailer(stream.result());
        return stream.result();
    }

    private void skipHeader() {
        require(data.length >= FIXED_HEADER && at(0) == 0x1F && at(1) == 0x8B && at(2) == 8, "not a gzip member of method 8");
        int flags = at(3);
        require((flags & RESERVED) == 0, "reserved flags are set");
        position = FIXED_HEADER;
        if ((flags & FEXTRA) != 0) {
            skip(littleEndian(2));
        }
        if ((flags & FNAME) != 0) {
            skipText();
        }
        if ((flags & FCOMMENT) != 0) {
            skipText();
        }
        if ((flags & FHCRC) != 0) {
            long crc = crc32(data, position) & 0xFFFF;
            require(littleEndian(2) == crc, "the CRC of the header is wrong");
        }
    }

    private void verifyTrailer(byte[] result) {
        require(data.length - position == TRAILER, "the data does not end with one member");
        require(littleEndian(4) == crc32(result, result.length), "the CRC is wrong");
        require(littleEndian(4) == result.length, "the size is wrong");
    }

    private void skipText() {
        while (true) {
            int character = position;
            skip(1);
            if (data[character] == 0) {
                return;
            }
        }
    }

    private void skip(long n) {
        require(n <= data.length - position, "the data ends too early");
        position += (int) n;
    }

    private long littleEndian(int size) {
        int start = position;
        skip(size);
        long n = 0;
        for (int i = size - 1; i >= 0; i--) {
            n = n << 8 | at(start + i);
        }
        return n;
    }

    private int at(int index) {
        return data[index] & 0xFF;
    }

    private static long crc32(byte[] bytes, int length) {
        CRC32 crc = new CRC32();
        crc.update(bytes, 0, length);
        return crc.getValue();
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw failed(message);
        }
    }

    private static EnvelopeException failed(String message) {
        return ErrorCode.DECOMPRESSION_FAILED.error(message);
    }
}
