package io.github.kafkaenvelope.kafkaui;

import io.github.kafkaenvelope.EnvelopeException;
import io.github.kafkaenvelope.EnvelopeInfo;
import io.kafbat.ui.serde.api.DeserializeResult;
import io.kafbat.ui.serde.api.DeserializeResult.Type;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** What kafka-ui shows of a value, and beside it: what the envelope says, what was verified and what was not. */
final class Results {
    private static final String VERIFIED = "verified";
    private static final String NOT_VERIFIED = "notVerified";

    private Results() {
    }

    /** @param key with which the value opened; may be null */
    static DeserializeResult opened(byte[] plaintext, EnvelopeInfo info, byte[] key) {
        Shown shown = Shown.of(plaintext);
        return new DeserializeResult(shown.text(), shown.type(), propertiesOfOpened(info, key));
    }

    /**
     * For a value that opened with the null key after another key had come.
     *
     * @param last the key that came
     */
    static DeserializeResult ambiguous(byte[] plaintext, EnvelopeInfo info, byte[] last) {
        String text = "NOT VERIFIED: this value was sealed for a record without a key, and the last key here was "
                + Shown.quoted(last) + ". If kafka-ui shows a key for this record, the value was moved here, and consumers refuse "
                + "it.\n\n" + Shown.of(plaintext).text();
        return new DeserializeResult(text, Type.STRING, propertiesOfOpened(info, null));
    }

    /** For a value whose key is bound, in a view whose keys have another serde. */
    static DeserializeResult keyUnknown(EnvelopeInfo info) {
        return new DeserializeResult("Not opened: sealed under " + cmks(info) + " together with its record key, which kafka-ui does "
                + "not give to this serde. Choose this serde for the keys, too.", Type.STRING, propertiesOfUnopened(info));
    }

    /**
     * @param info null if the value is no envelope that can be read
     * @param key with which it was tried
     */
    static DeserializeResult notOpened(EnvelopeException failure, EnvelopeInfo info, byte[] key) {
        Map<String, Object> properties = propertiesOfUnopened(info);
        properties.put("code", failure.code());
        properties.put("kind", failure.kind().name().toLowerCase(Locale.ROOT));
        if (info != null && info.keyBound()) {
            properties.put("triedKey", Shown.quoted(key));
        }
        return new DeserializeResult("Not opened: " + failure.getMessage(), Type.STRING, properties);
    }

    private static Map<String, Object> propertiesOfOpened(EnvelopeInfo info, byte[] key) {
        Map<String, Object> properties = new LinkedHashMap<>();
        if (info.keyBound()) {
            properties.put("sealedForKey", Shown.quoted(key));
            properties.put(VERIFIED, "the value, the headers in boundHeaders, sealedForTopic and sealedForKey");
            properties.put(NOT_VERIFIED, "that this record has the key in sealedForKey: compare it with the key that kafka-ui shows. "
                    + "If they differ, the value was moved here");
        } else {
            properties.put(VERIFIED, "the value, the headers in boundHeaders and sealedForTopic");
            properties.put(NOT_VERIFIED, "the record key: it is not bound");
        }
        describe(info, properties);
        return properties;
    }

    private static Map<String, Object> propertiesOfUnopened(EnvelopeInfo info) {
        Map<String, Object> properties = new LinkedHashMap<>();
        properties.put(NOT_VERIFIED, "anything, also of what is said here of the envelope");
        if (info != null) {
            describe(info, properties);
        }
        return properties;
    }

    private static void describe(EnvelopeInfo info, Map<String, Object> properties) {
        properties.put("cmks", cmks(info));
        properties.put("sealedForTopic", info.topic());
        properties.put("boundHeaders", String.join(", ", info.boundHeaders()));
        properties.put("context", info.context().entrySet().stream().map(e -> e.getKey() + '=' + e.getValue())
                .collect(Collectors.joining(" ")));
        properties.put("session", info.sessionId());
    }

    private static String cmks(EnvelopeInfo info) {
        return info.cmks().stream().map(cmk -> cmk.provider() + ':' + cmk.cmkId()).collect(Collectors.joining(", "));
    }
}
