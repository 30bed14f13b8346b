package io.github.kafkaenvelope.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.kafkaenvelope.CmkRef;
import io.github.kafkaenvelope.EnvelopeDeserializerConfig;
import io.github.kafkaenvelope.EnvelopeException;
import io.github.kafkaenvelope.EnvelopeKeyDeserializer;
import io.github.kafkaenvelope.EnvelopeValueDeserializer;
import io.github.kafkaenvelope.Keyring;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordDeserializationException;
import org.apache.kafka.common.utils.Utils;

/**
 * Reads topics from the beginning to their current end with the two deserializers, and prints a JSON line per record:
 * {@code topic}, {@code partition}, {@code offset}, {@code key} (hex or null) and either {@code value} (SHA-256 of the
 * plaintext in hex, null for a tombstone) or {@code error} (the code).
 */
public final class Topics {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration POLL = Duration.ofMillis(500);

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final PrintStream out;

    private Topics(KafkaConsumer<byte[], byte[]> consumer, PrintStream out) {
        this.consumer = consumer;
        this.out = out;
    }

    public static void run(String brokers, String keyringFile, List<String> topics, PrintStream out) {
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties(brokers, keyringFile))) {
            List<TopicPartition> partitions = topics.stream().flatMap(topic -> partitions(consumer, topic)).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            new Topics(consumer, out).readTo(consumer.endOffsets(partitions));
        }
    }

    private static Stream<TopicPartition> partitions(KafkaConsumer<?, ?> consumer, String topic) {
        List<PartitionInfo> partitions = consumer.partitionsFor(topic);
        if (partitions.isEmpty()) {
            throw new IllegalArgumentException("there is no topic " + topic);
        }
        return partitions.stream().map(info -> new TopicPartition(topic, info.partition()));
    }

    private static Properties properties(String brokers, String keyringFile) {
        List<CmkRef> cmks = Keyring.read(Path.of(keyringFile)).cmks();
        Properties properties = new Properties();
        properties.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        properties.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        properties.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
        properties.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, EnvelopeKeyDeserializer.class.getName());
        properties.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, EnvelopeValueDeserializer.class.getName());
        properties.put(EnvelopeDeserializerConfig.KEYRING_FILE, keyringFile);
        properties.put(EnvelopeDeserializerConfig.ACCEPT,
                cmks.stream().map(cmk -> cmk.provider() + ':' + cmk.cmkId()).collect(Collectors.joining(" ")));
        properties.put(EnvelopeDeserializerConfig.ACCEPT_PUBLIC_KEY_SEALING, "true");
        return properties;
    }

    /** @param ends for read_committed: the last stable offsets */
    private void readTo(Map<TopicPartition, Long> ends) {
        while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
            try {
                consumer.poll(POLL).forEach(record -> {
                    if (record.offset() < ends.get(new TopicPartition(record.topic(), record.partition()))) {
                        print(record);
                    }
                });
            } catch (RecordDeserializationException e) {
                if (!(e.getCause() instanceof EnvelopeException failure)) {
                    throw e;
                }
                if (e.offset() < ends.get(e.topicPartition())) {
                    print(e, failure);
                }
                consumer.seek(e.topicPartition(), e.offset() + 1);
            }
        }
    }

    private void print(ConsumerRecord<byte[], byte[]> record) {
        out.println(line(new TopicPartition(record.topic(), record.partition()), record.offset(), record.key())
                .put("value", record.value() == null ? null : sha256(record.value())));
    }

    private void print(RecordDeserializationException e, EnvelopeException failure) {
        ByteBuffer key = e.keyBuffer();
        out.println(line(e.topicPartition(), e.offset(), Utils.toNullableArray(key)).put("error", failure.code()));
    }

    private static ObjectNode line(TopicPartition partition, long offset, byte[] key) {
        return JSON.createObjectNode().put("topic", partition.topic()).put("partition", partition.partition())
                .put("offset", offset).put("key", key == null ? null : HexFormat.of().formatHex(key));
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
