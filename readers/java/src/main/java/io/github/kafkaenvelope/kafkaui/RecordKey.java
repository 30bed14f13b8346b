package io.github.kafkaenvelope.kafkaui;

/**
 * Passes the key of a record from the key deserializer of a view to the value deserializer of the same view.
 *
 * <p>kafka-ui handles a record on one thread: first its key, unless that is null, then its value, unless that is null. It
 * says neither that a record begins nor that it ends. So a value without a key before it has the null key; but after a
 * key, the value may also be that of the next record, if the record of the key has no value and the next one has no key.
 */
final class RecordKey {
    private final String topic;
    private final ThreadLocal<byte[]> last = new ThreadLocal<>();

    RecordKey(String topic) {
        this.topic = topic;
    }

    boolean isOf(String otherTopic) {
        return topic.equals(otherTopic);
    }

    void remember(byte[] key) {
        last.set(key);
    }

    /** The key that came last on this thread, or null; it is forgotten. */
    byte[] take() {
        byte[] key = last.get();
        last.remove();
        return key;
    }
}
