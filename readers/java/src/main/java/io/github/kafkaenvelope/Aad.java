package io.github.kafkaenvelope;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * The bytes that are authenticated together with the body.
 *
 * <p>Source: docs/format.md, section 9.
 */
final class Aad {
    private static final int NULL = -1;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    private Aad() {
    }

    /**
     * @param key may be null
     * @param headers all headers of the record in its order
     */
    static byte[] of(EnvelopeHeader header, byte[] key, List<HeaderEntry> headers) {
        Aad aad = new Aad();
        aad.bytes.writeBytes(Envelope.prefix());
        aad.value(header.encoded());
        aad.key(header.keyBound(), key);
        header.boundHeaders().forEach(name -> aad.headersNamed(name, headers));
        return aad.bytes.toByteArray();
    }

    private void key(boolean bound, byte[] key) {
        if (!bound) {
            bytes.write(0);
        } else if (key == null) {
            bytes.write(1);
        } else {
            bytes.write(2);
            value(key);
        }
    }

    private void headersNamed(String name, List<HeaderEntry> headers) {
        List<HeaderEntry> named = headers.stream().filter(h -> h.name().equals(name)).toList();
        u32(named.size());
        named.forEach(h -> value(h.value()));
    }

    private void value(byte[] value) {
        if (value == null) {
            u32(NULL);
        } else {
            u32(value.length);
            bytes.writeBytes(value);
        }
    }

    private void u32(int n) {
        bytes.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(n).array());
    }
}
