package io.github.kafkaenvelope;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * A record value, taken apart: steps 1 to 3 of reading.
 *
 * <p>Source: docs/format.md, sections 4, 6 and 13.
 *
 * @param wrappings 1 to 5, each of a different CMK, not authenticated
 * @param iv 12 bytes
 * @param bodyAndTag ciphertext, then the 16 bytes of the tag: the order that the JDK's AES-GCM expects
 */
record Envelope(List<Wrapping> wrappings, EnvelopeHeader header, byte[] iv, byte[] bodyAndTag) {
    private static final byte[] PREFIX = HexFormat.of().parseHex("c3010fea18fa6fe363e8");
    private static final int MAX_WRAPPINGS = 5;
    private static final int MAX_HEADER = 4096;
    private static final int IV = 12;
    private static final int TAG = 16;

    /** The ten bytes at the start of every envelope of this version. */
    static byte[] prefix() {
        return PREFIX.clone();
    }

    /** @throws EnvelopeException {@code NOT_SEALED}, {@code UNKNOWN_FORMAT} or {@code MALFORMED} */
    static Envelope parse(byte[] value) {
        requirePrefix(value);
        BoundedInput in = new BoundedInput(value, PREFIX.length);
        List<Wrapping> wrappings = readWrappings(in);
        byte[] header = in.readBytes(1, MAX_HEADER);
        byte[] iv = in.readFixed(IV);
        byte[] tag = in.readFixed(TAG);
        int body = in.readSize(0, Integer.MAX_VALUE);
        if (body != in.remaining()) {
            throw ErrorCode.MALFORMED.error("the body does not end with the input");
        }
        EnvelopeHeader parsed = EnvelopeHeader.parse(header);
        byte[] bodyAndTag = Arrays.copyOfRange(value, in.position(), value.length + TAG);
        System.arraycopy(tag, 0, bodyAndTag, body, TAG);
        return new Envelope(wrappings, parsed, iv, bodyAndTag);
    }

    private static void requirePrefix(byte[] value) {
        if (value.length < 2 || value[0] != PREFIX[0] || value[1] != PREFIX[1]) {
            throw ErrorCode.NOT_SEALED.error("the value is not an envelope");
        }
        if (value.length < PREFIX.length) {
            throw ErrorCode.MALFORMED.error("the prefix is cut short");
        }
        if (!Arrays.equals(value, 0, PREFIX.length, PREFIX, 0, PREFIX.length)) {
            throw ErrorCode.UNKNOWN_FORMAT.error("the fingerprint is not known");
        }
    }

    private static List<Wrapping> readWrappings(BoundedInput in) {
        int count = in.readSize(1, MAX_WRAPPINGS);
        List<Wrapping> wrappings = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            Wrapping wrapping = Wrapping.read(in);
            if (wrappings.stream().anyMatch(w -> w.cmk().equals(wrapping.cmk()))) {
                throw ErrorCode.MALFORMED.error("two wrappings of one CMK");
            }
            wrappings.add(wrapping);
        }
        in.readEndOfBlocks();
        return wrappings;
    }
}
