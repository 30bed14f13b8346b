package io.github.kafkaenvelope.kafkaui;

import io.kafbat.ui.serde.api.DeserializeResult;
import io.kafbat.ui.serde.api.RecordHeader;
import io.kafbat.ui.serde.api.RecordHeaders;
import io.kafbat.ui.serde.api.Serde;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Headers;

/** The messages of a topic, with the members that kafka-ui has for a message in its API. */
public record View(String keySerde, Serde.Deserializer keys, String valueSerde, Serde.Deserializer values) {
    public static final String STRING_SERDE = "String";
    static final Serde.Deserializer STRING = (headers, bytes) ->
            new DeserializeResult(new String(bytes, StandardCharsets.UTF_8), DeserializeResult.Type.STRING, Map.of());

    /** Key first, then the value, on the caller's thread; neither of them if it is null. A serde that throws is replaced. */
    public Map<String, Object> show(ConsumerRecord<byte[], byte[]> record) {
        Map<String, Object> message = new LinkedHashMap<>();
        message.put("partition", record.partition());
        message.put("offset", record.offset());
        if (record.key() != null) {
            show(message, "key", keySerde, keys, none(), record.key());
        }
        if (record.value() != null) {
            show(message, "value", valueSerde, values, headersOf(record.headers()), record.value());
        }
        return message;
    }

    private static void show(Map<String, Object> message, String part, String serde, Serde.Deserializer deserializer,
                             RecordHeaders headers, byte[] bytes) {
        DeserializeResult result;
        String by = serde;
        try {
            result = deserializer.deserialize(headers, bytes);
        } catch (RuntimeException e) {
            by = "Fallback";
            result = STRING.deserialize(headers, bytes);
        }
        message.put(part, result.getResult());
        message.put(part + "Serde", by);
        message.put(part + "Type", result.getType().name());
        message.put(part + "DeserializeProperties", result.getAdditionalProperties());
    }

    private static RecordHeaders none() {
        return Collections::emptyIterator;
    }

    private static RecordHeaders headersOf(Headers headers) {
        return () -> StreamSupport.stream(headers.spliterator(), false).<RecordHeader>map(Header::new).iterator();
    }

    private record Header(String key, byte[] value) implements RecordHeader {
        Header(org.apache.kafka.common.header.Header header) {
            this(header.key(), header.value());
        }
    }
}
