package io.github.kafkaenvelope;

import java.util.HexFormat;
import java.util.Locale;

/**
 * A test vector of either kind.
 *
 * <p>Source: docs/format.md, section 17.
 */
public interface TestVector {
    String name();

    /** Hex, null if the value does not open or is a tombstone. */
    String plaintext();

    /** The stated code, null if the value opens or is a tombstone that passes. */
    String error();

    /** The plaintext, null for a tombstone that passes. */
    byte[] open();

    /** What this reader makes of it: {@code opens: } and the plaintext in lower-case hex, {@code null}, or the code. */
    default String outcome() {
        try {
            byte[] opened = open();
            return opened == null ? "null" : "opens: " + HexFormat.of().formatHex(opened);
        } catch (EnvelopeException e) {
            return e.code();
        }
    }

    /** What the vector states, in the form of {@link #outcome()}. */
    default String expected() {
        if (error() != null) {
            return error();
        }
        return plaintext() == null ? "null" : "opens: " + plaintext().toLowerCase(Locale.ROOT);
    }
}
