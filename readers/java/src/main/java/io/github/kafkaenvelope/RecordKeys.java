package io.github.kafkaenvelope;

import org.apache.kafka.common.header.Headers;

/**
 * Passes the record key from the key deserializer to the value deserializer of the same record.
 *
 * <p>Kafka's interface does not give the key to a value deserializer. A consumer (kafka-clients 4.x,
 * {@code CompletedFetch.parseRecord} and {@code ShareCompletedFetch.parseRecord}) makes one new {@link Headers}
 * instance for each record, even if the record has no headers. On one thread it calls first the key deserializer,
 * unless the key is null, and then the value deserializer, unless the value is null, both with that instance. So the
 * instance identifies the record, and a value whose instance came with no key has the null key. Because a consumer
 * makes its two deserializers from class names, they share a field of the thread.
 */
final class RecordKeys {
    private static final ThreadLocal<Met> LAST = new ThreadLocal<>();

    private RecordKeys() {
    }

    static void remember(Headers headers, byte[] key) {
        LAST.set(new Met(headers, key));
    }

    /** The key remembered with exactly this instance, or null; it is forgotten in either case. */
    static byte[] take(Headers headers) {
        Met last = LAST.get();
        LAST.remove();
        return last != null && last.headers == headers ? last.key : null;
    }

    static void forget() {
        LAST.remove();
    }

    private record Met(Headers headers, byte[] key) {
    }
}
