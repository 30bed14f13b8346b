package io.github.kafkaenvelope;

import org.apache.kafka.common.header.Headers;

/**
 * Hands the record key from the key deserializer to the value deserializer of the same record.
 *
 * <p>Kafka's interface does not give the key to a value deserializer. What a consumer does (kafka-clients 4.x,
 * {@code CompletedFetch.parseRecord} and {@code ShareCompletedFetch.parseRecord}): for each record it makes one new
 * {@link Headers} instance, also for a record without headers, and calls on one thread first the key deserializer, unless the
 * key is null, and then the value deserializer, unless the value is null, both with that instance. The instance therefore
 * tells the record, and a value whose instance was not met with a key has the null key. As a consumer makes its two
 * deserializers from class names, they meet in a field of the thread.
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
