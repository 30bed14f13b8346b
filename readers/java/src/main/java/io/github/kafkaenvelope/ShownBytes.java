package io.github.kafkaenvelope;

import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Turns keys, headers or plaintexts into what is printed.
 *
 * @param property names the deserializer
 * @param deserializer may be null: then the bytes themselves are shown
 * @param escape whether for a terminal
 * @param nullLiteral stands for null
 * @param stop whether a failure of the deserializer is thrown
 */
record ShownBytes(String property, Deserializer<?> deserializer, boolean escape, String nullLiteral, boolean stop) {
    /** @throws SerializationException if the deserializer fails, and is to stop */
    byte[] of(ConsumerRecord<?, ?> record, byte[] bytes) {
        if (bytes == null) {
            return utf8(nullLiteral);
        }
        if (deserializer == null) {
            return escape ? utf8(Printable.of(bytes)) : bytes;
        }
        String text;
        try {
            text = String.valueOf(deserializer.deserialize(record.topic(), record.headers(), bytes));
        } catch (RuntimeException e) {
            // Without its text, which may quote the bytes.
            String failure = property + " fails: " + e.getClass().getSimpleName();
            if (stop) {
                throw new SerializationException(failure);
            }
            return utf8("[" + failure + "]");
        }
        return utf8(escape ? Printable.of(text) : text);
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
