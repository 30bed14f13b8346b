package io.github.kafkaenvelope;

import java.nio.charset.StandardCharsets;
import java.util.BitSet;

/**
 * The ASCII characters that a field may have.
 *
 * <p>Source: docs/format.md, sections 4 and 5.
 */
enum Alphabet {
    PROVIDER("a-z0-9", "/-"),
    CMK_ID("!-~", ""),
    TOPIC("A-Za-z0-9", "._-"),
    CONTEXT("A-Za-z0-9", "._:/@=+-");

    private final BitSet characters = new BitSet(128);

    /** @param ranges first, hyphen, last, and again; @param others single characters */
    Alphabet(String ranges, String others) {
        for (int i = 0; i < ranges.length(); i += 3) {
            characters.set(ranges.charAt(i), ranges.charAt(i + 2) + 1);
        }
        others.chars().forEach(characters::set);
    }

    boolean containsAll(byte[] text) {
        for (byte b : text) {
            if (b < 0 || !characters.get(b)) {
                return false;
            }
        }
        return true;
    }

    /** Returns {@code text} if it has 1 to {@code max} characters, all of this alphabet. */
    String require(String text, int max, String what) {
        if (text.isEmpty() || text.length() > max || !containsAll(text.getBytes(StandardCharsets.UTF_8))) {
            throw new IllegalArgumentException("not a " + what);
        }
        return text;
    }
}
