package io.github.kafkaenvelope;

import java.util.List;
import java.util.Objects;
import java.util.stream.StreamSupport;
import org.apache.kafka.common.header.Headers;

/**
 * One header of a Kafka record.
 *
 * @param name compared exactly, by UTF-8 bytes
 * @param value unchanged from the record, may be null, not copied
 */
public record HeaderEntry(String name, byte[] value) {
    /** @throws NullPointerException if {@code name} is null */
    public HeaderEntry {
        Objects.requireNonNull(name, "name");
    }

    static List<HeaderEntry> listOf(Headers headers) {
        return StreamSupport.stream(headers.spliterator(), false).map(h -> new HeaderEntry(h.key(), h.value())).toList();
    }
}
