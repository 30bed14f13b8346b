package io.github.kafkaenvelope;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The authenticated header of an envelope.
 *
 * <p>Source: docs/format.md, section 5.
 *
 * @param encoded the bytes unchanged from the envelope
 * @param suite any number, registered or not
 * @param compression any number, registered or not
 * @param dictionary the SHA-256 of the compression's dictionary; empty if it has none
 * @param boundHeaders strictly ascending by bytes
 * @param context keys strictly ascending by bytes
 * @param sessionId 16 bytes
 * @param commitment 32 bytes
 */
record EnvelopeHeader(byte[] encoded, int suite, int compression, byte[] dictionary, boolean keyBound, List<String> boundHeaders,
                      String topic, Map<String, String> context, byte[] sessionId, byte[] commitment) {
    static final int MAX_BOUND_HEADERS = 32;
    static final int MAX_HEADER_NAME = 256;
    static final int MAX_TOPIC = 249;
    static final int MAX_CONTEXT_TEXT = 128;
    private static final int MAX_CONTEXT = 1024;
    private static final int SHA_256 = 32;

    /** @throws EnvelopeException {@code MALFORMED} */
    static EnvelopeHeader parse(byte[] encoded) {
        BoundedInput in = new BoundedInput(encoded, 0);
        int suite = in.readInt();
        int compression = in.readInt();
        EnvelopeHeader header = new EnvelopeHeader(encoded, suite, compression, readDictionary(in, compression), in.readBoolean(),
                readNames(in), in.readText(Alphabet.TOPIC, MAX_TOPIC), readContext(in), in.readFixed(16), in.readFixed(32));
        in.requireEnd();
        return header;
    }

    /** A number that is registered later may have a dictionary or none. */
    private static byte[] readDictionary(BoundedInput in, int compression) {
        byte[] dictionary = in.readBytes(0, SHA_256);
        boolean named = switch (compression) {
            case Compression.NONE, Compression.GZIP, Compression.ZSTD -> false;
            case Compression.DEFLATE_DICTIONARY -> true;
            default -> dictionary.length > 0;
        };
        if (dictionary.length != (named ? SHA_256 : 0)) {
            throw ErrorCode.MALFORMED.error("the dictionary is not what the compression has");
        }
        return dictionary;
    }

    private static List<String> readNames(BoundedInput in) {
        int count = in.readSize(0, MAX_BOUND_HEADERS);
        List<String> names = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            String name = in.readUtf8(1, MAX_HEADER_NAME);
            if (i > 0) {
                requireAscending(names.get(i - 1), name);
            }
            names.add(name);
        }
        if (count > 0) {
            in.readEndOfBlocks();
        }
        return names;
    }

    private static Map<String, String> readContext(BoundedInput in) {
        int start = in.position();
        int count = in.readSize(0, MAX_CONTEXT);
        Map<String, String> context = new LinkedHashMap<>();
        String last = null;
        for (int i = 0; i < count; i++) {
            String key = in.readText(Alphabet.CONTEXT, MAX_CONTEXT_TEXT);
            if (last != null) {
                requireAscending(last, key);
            }
            context.put(key, in.readText(Alphabet.CONTEXT, MAX_CONTEXT_TEXT));
            last = key;
        }
        if (count > 0) {
            in.readEndOfBlocks();
        }
        if (in.position() - start > MAX_CONTEXT) {
            throw ErrorCode.MALFORMED.error("the context is too large");
        }
        return context;
    }

    /** By unsigned bytes of UTF-8, which is not the order of {@link String#compareTo}. */
    private static void requireAscending(String a, String b) {
        if (Arrays.compareUnsigned(a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8)) >= 0) {
            throw ErrorCode.MALFORMED.error("names are not strictly ascending");
        }
    }
}
