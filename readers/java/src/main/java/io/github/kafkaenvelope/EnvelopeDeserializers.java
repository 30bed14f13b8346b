package io.github.kafkaenvelope;

import org.apache.kafka.common.serialization.Deserializer;

/**
 * A pair of deserializers made by code, for a consumer's constructor. Both must go to the same consumer: with the value
 * deserializer alone, every record key counts as null.
 *
 * @param key for the consumer's keys
 * @param value for the consumer's values
 */
public record EnvelopeDeserializers<K, V>(EnvelopeKeyDeserializer<K> key, EnvelopeValueDeserializer<V> value) {
    /**
     * Makes a pair.
     *
     * @param key gets the key's bytes; configured by the caller
     * @param value gets the plaintext; configured by the caller
     */
    public static <K, V> EnvelopeDeserializers<K, V> of(EnvelopeOpener opener, Deserializer<K> key, Deserializer<V> value) {
        return new EnvelopeDeserializers<>(new EnvelopeKeyDeserializer<>(key), new EnvelopeValueDeserializer<>(opener, value));
    }
}
