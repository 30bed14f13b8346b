package io.github.kafkaenvelope;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Opens envelopes inside a Kafka consumer and gives the plaintext to another deserializer
 * ({@link EnvelopeDeserializerConfig#VALUE_DESERIALIZER}).
 *
 * <p>It works only together with {@link EnvelopeKeyDeserializer} in the same consumer, which gives it the record key.
 * Without that deserializer every key would count as null, so {@link #configure} requires it. A failure is an {@link
 * EnvelopeException}, which a consumer's {@code poll} throws as the cause of a {@code RecordDeserializationException}.
 * A tombstone stays null. A Kafka consumer does not even call a deserializer for it, so a rule that rejects tombstones
 * needs {@link EnvelopeOpener} itself.
 *
 * @param <T> the type that the other deserializer returns for the plaintext
 */
public final class EnvelopeValueDeserializer<T> implements Deserializer<T> {
    private EnvelopeOpener opener;
    private Deserializer<T> inner;

    /** For use by class name; {@link #configure} follows. */
    public EnvelopeValueDeserializer() {
    }

    EnvelopeValueDeserializer(EnvelopeOpener opener, Deserializer<T> inner) {
        this.opener = opener;
        this.inner = inner;
    }

    /**
     * Does nothing on an instance of {@link EnvelopeDeserializers}.
     *
     * @throws ConfigException if {@code key.deserializer} is not {@link EnvelopeKeyDeserializer}, or a property is wrong
     * @throws EnvelopeException {@code KEYRING_INVALID}
     */
    @Override
    public void configure(Map<String, ?> configs, boolean isKey) {
        if (isKey) {
            throw new ConfigException("EnvelopeValueDeserializer is for values");
        }
        if (opener == null) {
            requireKeyDeserializer(configs.get(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG));
            opener = EnvelopeDeserializerConfig.opener(configs);
            inner = EnvelopeDeserializerConfig.innerValue(configs);
        }
    }

    /** @throws UnsupportedOperationException always: without headers there is no record key either */
    @Override
    public T deserialize(String topic, byte[] value) {
        throw new UnsupportedOperationException("EnvelopeValueDeserializer needs the record's headers");
    }

    /** @throws EnvelopeException as {@link EnvelopeOpener#open(String, byte[], List, byte[])} */
    @Override
    public T deserialize(String topic, Headers headers, byte[] value) {
        byte[] key = RecordKeys.take(headers);
        byte[] plaintext = opener.open(topic, key, HeaderEntry.listOf(headers), value);
        return plaintext == null ? null : inner.deserialize(topic, headers, plaintext);
    }

    @Override
    public void close() {
        if (inner != null) {
            inner.close();
        }
    }

    private static void requireKeyDeserializer(Object configured) {
        Object type = ConfigDef.parseType(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, configured, ConfigDef.Type.CLASS);
        if (type != EnvelopeKeyDeserializer.class) {
            throw new ConfigException(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, configured,
                    "EnvelopeValueDeserializer needs " + EnvelopeKeyDeserializer.class.getName()
                            + " there, which tells it the record key; the key's own deserializer goes to "
                            + EnvelopeDeserializerConfig.KEY_DESERIALIZER);
        }
    }
}
