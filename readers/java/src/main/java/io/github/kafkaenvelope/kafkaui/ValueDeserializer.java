package io.github.kafkaenvelope.kafkaui;

import io.github.kafkaenvelope.EnvelopeException;
import io.github.kafkaenvelope.EnvelopeInfo;
import io.github.kafkaenvelope.EnvelopeOpener;
import io.github.kafkaenvelope.ErrorCode;
import io.github.kafkaenvelope.HeaderEntry;
import io.kafbat.ui.serde.api.DeserializeResult;
import io.kafbat.ui.serde.api.DeserializeResult.Type;
import io.kafbat.ui.serde.api.RecordHeaders;
import io.kafbat.ui.serde.api.Serde;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;

/**
 * Opens the values of one view. It throws no failure of a record, because kafka-ui would then show the bytes of the envelope as
 * text and not say why.
 *
 * <p>That a value opens with a key proves that it was sealed for this key, and nothing about the record in which it is now.
 */
final class ValueDeserializer implements Serde.Deserializer {
    private final EnvelopeOpener opener;
    private final String topic;
    private final RecordKey recordKey;

    /** @param recordKey null if the keys of this view have another serde */
    ValueDeserializer(EnvelopeOpener opener, String topic, RecordKey recordKey) {
        this.opener = opener;
        this.topic = topic;
        this.recordKey = recordKey;
    }

    @Override
    public DeserializeResult deserialize(RecordHeaders headers, byte[] value) {
        byte[] key = recordKey == null ? null : recordKey.take();
        if (value == null) {
            return new DeserializeResult(null, Type.STRING, Map.of());
        }
        EnvelopeInfo info = EnvelopeInfo.of(value).orElse(null);
        List<HeaderEntry> entries = StreamSupport.stream(headers.spliterator(), false)
                .map(header -> new HeaderEntry(header.key(), header.value())).toList();
        if (info != null && info.keyBound() && recordKey == null) {
            return Results.keyUnknown(info);
        }
        try {
            byte[] plaintext = opener.open(topic, key, entries, value);
            return Results.opened(plaintext, info, key);
        } catch (EnvelopeException e) {
            return key == null || !e.code().equals(ErrorCode.AUTHENTICATION_FAILED.name())
                    ? Results.notOpened(e, info, key) : withoutKey(e, key, entries, value, info);
        }
    }

    /** If this record has no key, the key was that of a tombstone before it. */
    private DeserializeResult withoutKey(EnvelopeException failure, byte[] key, List<HeaderEntry> headers, byte[] value,
                                         EnvelopeInfo info) {
        try {
            byte[] plaintext = opener.open(topic, null, headers, value);
            return Results.ambiguous(plaintext, info, key);
        } catch (EnvelopeException e) {
            return Results.notOpened(failure, info, key);
        }
    }
}
