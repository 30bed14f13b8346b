package io.github.kafkaenvelope;

import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * The key deserializer that belongs to {@link EnvelopeValueDeserializer}: it remembers the record key, which envelopes
 * authenticate and which Kafka does not give to a value deserializer, and leaves the key itself to another deserializer
 * ({@link EnvelopeDeserializerConfig#KEY_DESERIALIZER}), which must not change the headers that envelopes bind.
 *
 * @param <T> the type that the other deserializer returns for the key
 */
public final class EnvelopeKeyDeserializer<T> implements Deserializer<T> {
    private Deserializer<T> inner;

    /** For use by class name; {@link #configure} follows. */
    public EnvelopeKeyDeserializer() {
    }

    EnvelopeKeyDeserializer(Deserializer<T> inner) {
        this.inner = inner;
    }

    /** Does nothing on an instance of {@link EnvelopeDeserializers}. */
    @Override
    public void configure(Map<String, ?> configs, boolean isKey) {
        if (!isKey) {
            throw new ConfigException("EnvelopeKeyDeserializer is for keys");
        }
        if (inner == null) {
            inner = EnvelopeDeserializerConfig.innerKey(configs);
        }
    }

    /** @throws UnsupportedOperationException always: a key without headers cannot be told apart from that of another record */
    @Override
    public T deserialize(String topic, byte[] key) {
        throw new UnsupportedOperationException("EnvelopeKeyDeserializer needs the record's headers");
    }

    @Override
    public T deserialize(String topic, Headers headers, byte[] key) {
        RecordKeys.remember(headers, key);
        return inner.deserialize(topic, headers, key);
    }

    @Override
    public void close() {
        RecordKeys.forget();
        if (inner != null) {
            inner.close();
        }
    }
}
