package io.github.kafkaenvelope;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * Bytes and text of records for a terminal, which they could otherwise control. What is not UTF-8, and what would not be
 * seen, is escaped byte by byte, as in {@code \x1b}. Backslashes stay as they are, so that JSON stays JSON.
 */
final class Printable {
    /** Code points that Unicode calls default ignorable, first and last, as far as their category does not say it. */
    private static final int[][] IGNORABLE = {
        {0x34f, 0x34f}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f},
        {0xffa0, 0xffa0}, {0xe0100, 0xe01ef}
    };

    private Printable() {
    }

    static String of(byte[] bytes) {
        StringBuilder shown = new StringBuilder();
        ByteBuffer in = ByteBuffer.wrap(bytes);
        CharBuffer out = CharBuffer.allocate(bytes.length);
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
        while (true) {
            CoderResult result = decoder.decode(in, out, true);
            out.flip().codePoints().forEach(character -> append(shown, character));
            out.clear();
            if (!result.isError()) {
                return shown.toString();
            }
            for (int i = 0; i < result.length(); i++) {
                escape(shown, in.get());
            }
            decoder.reset();
        }
    }

    static String of(String text) {
        return of(text.getBytes(StandardCharsets.UTF_8));
    }

    private static void append(StringBuilder shown, int character) {
        if (character == ' ' || isSeen(character)) {
            shown.appendCodePoint(character);
        } else {
            for (byte b : Character.toString(character).getBytes(StandardCharsets.UTF_8)) {
                escape(shown, b);
            }
        }
    }

    private static boolean isSeen(int character) {
        for (int[] range : IGNORABLE) {
            if (range[0] <= character && character <= range[1]) {
                return false;
            }
        }
        return switch (Character.getType(character)) {
            case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED,
                    Character.SPACE_SEPARATOR, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR -> false;
            default -> true;
        };
    }

    private static void escape(StringBuilder shown, byte b) {
        shown.append("\\x").append(HexFormat.of().toHexDigits(b));
    }
}
