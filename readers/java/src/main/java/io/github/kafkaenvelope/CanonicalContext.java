package io.github.kafkaenvelope;

import java.util.Map;
import java.util.stream.Collectors;

/**
 * The encryption context as a JSON object without white space, or the empty text if it has no entries.
 *
 * <p>Source: docs/format.md, section 9.
 */
final class CanonicalContext {
    private CanonicalContext() {
    }

    /** @param context with keys in ascending order and no character that JSON escapes, as in {@link EnvelopeHeader} */
    static String of(Map<String, String> context) {
        if (context.isEmpty()) {
            return "";
        }
        return context.entrySet().stream()
                .map(e -> '"' + e.getKey() + "\":\"" + e.getValue() + '"')
                .collect(Collectors.joining(",", "{", "}"));
    }
}
