package io.github.kafkaenvelope;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HexFormat;
import org.junit.jupiter.api.function.Executable;

/** Assertions that several tests share. */
final class Assert {
    private Assert() {
    }

    static EnvelopeException assertCode(String code, Executable executable) {
        EnvelopeException e = assertThrows(EnvelopeException.class, executable);
        assertEquals(code, e.code());
        return e;
    }

    static void assertBytes(byte[] expected, byte[] actual) {
        assertEquals(HexFormat.of().formatHex(expected), HexFormat.of().formatHex(actual));
    }
}
