package io.github.kafkaenvelope;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Decoder of the primitive encodings over one array: strict, and each bound is checked before anything is allocated and
 * before the value is looked for in the rest of the input. Every fault is {@link ErrorCode#MALFORMED}.
 *
 * <p>Source: docs/format.md, sections 3 and 6.
 */
final class BoundedInput {
    private static final int INT_BYTES = 5;
    private static final int LONG_BYTES = 10;

    private final byte[] bytes;
    private int position;

    BoundedInput(byte[] bytes, int position) {
        this.bytes = bytes;
        this.position = position;
    }

    int position() {
        return position;
    }

    int remaining() {
        return bytes.length - position;
    }

    int readInt() {
        long n = readVarint(INT_BYTES, 0x0F);
        return (int) (n >>> 1) ^ -(int) (n & 1);
    }

    /** A length or count from {@code min} to {@code max}. */
    int readSize(int min, int max) {
        long n = readVarint(LONG_BYTES, 0x01);
        long size = (n >>> 1) ^ -(n & 1);
        if (size < min || size > max) {
            throw ErrorCode.MALFORMED.error("a length or count is out of bounds");
        }
        return (int) size;
    }

    boolean readBoolean() {
        int b = readByte();
        if (b > 1) {
            throw ErrorCode.MALFORMED.error("a boolean is neither 00 nor 01");
        }
        return b == 1;
    }

    byte[] readFixed(int size) {
        if (size > remaining()) {
            throw ErrorCode.MALFORMED.error("the input ends inside a field");
        }
        byte[] value = Arrays.copyOfRange(bytes, position, position + size);
        position += size;
        return value;
    }

    byte[] readBytes(int min, int max) {
        return readFixed(readSize(min, max));
    }

    /** A string of {@code min} to {@code max} bytes of valid UTF-8. */
    String readUtf8(int min, int max) {
        byte[] utf8 = readBytes(min, max);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString();
        } catch (CharacterCodingException e) {
            throw ErrorCode.MALFORMED.error("a string is not UTF-8");
        }
    }

    /** A string of {@code 1} to {@code max} characters of one alphabet. */
    String readText(Alphabet alphabet, int max) {
        byte[] text = readBytes(1, max);
        if (!alphabet.containsAll(text)) {
            throw ErrorCode.MALFORMED.error("a string has a character that is not allowed");
        }
        return new String(text, StandardCharsets.US_ASCII);
    }

    /** The {@code 00} after the one block of an array or map. */
    void readEndOfBlocks() {
        if (readByte() != 0) {
            throw ErrorCode.MALFORMED.error("an array or map has a second block");
        }
    }

    void requireEnd() {
        if (remaining() != 0) {
            throw ErrorCode.MALFORMED.error("bytes follow the last field");
        }
    }

    private int readByte() {
        if (position == bytes.length) {
            throw ErrorCode.MALFORMED.error("the input ends inside a field");
        }
        return bytes[position++] & 0xFF;
    }

    private long readVarint(int maxBytes, int maxLast) {
        long value = 0;
        for (int i = 0; i < maxBytes; i++) {
            int b = readByte();
            value |= (long) (b & 0x7F) << (7 * i);
            if (b < 0x80) {
                if (i > 0 && b == 0 || i == maxBytes - 1 && b > maxLast) {
                    break;
                }
                return value;
            }
        }
        throw ErrorCode.MALFORMED.error("an integer is not in its shortest form or too wide");
    }
}
