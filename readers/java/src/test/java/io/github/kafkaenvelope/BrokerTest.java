package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Assert.assertBytes;
import static io.github.kafkaenvelope.Sealer.bytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.kafkaenvelope.cli.Topics;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.errors.RecordDeserializationException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The deserializers in a real consumer that reads from a real broker. */
class BrokerTest {
    private static final Duration WAIT = Duration.ofSeconds(30);
    @TempDir
    static Path folder;
    private static Path keyring;
    private static Broker broker;

    @BeforeAll
    static void start() throws Exception {
        keyring = Keyrings.write(folder, Keyrings.orders2025(), "rw-------");
        broker = Broker.start(Files.createDirectory(folder.resolve("broker")));
    }

    @AfterAll
    static void stop() throws Exception {
        if (broker != null) {
            broker.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"classic", "consumer"})
    void aConsumerConfiguredByClassNamesOpensEveryKindOfKeyAndHeaders(String protocol) throws Exception {
        String topic = createTopic("kinds-" + protocol);
        List<HeaderEntry> headers = List.of(new HeaderEntry("schema-id", bytes("42")), new HeaderEntry("schema-id", null));
        List<Sealer> sealed = List.of(
                sealer(topic, bytes("k"), headers, "key and headers"),
                sealer(topic, null, List.of(), "neither"),
                sealer(topic, bytes("k"), List.of(), "key only"),
                sealer(topic, null, headers, "headers only"),
                sealer(topic, new byte[0], List.of(), "empty key"),
                sealer(topic, null, List.of(), "null after an empty key"));
        send(sealed.stream().map(s -> record(s, s.key, s.seal())).toList());
        List<ConsumerRecord<byte[], String>> records = read(topic, protocol, 6);
        for (int i = 0; i < sealed.size(); i++) {
            assertEquals(new String(sealed.get(i).plaintext, StandardCharsets.UTF_8), records.get(i).value());
            assertEquals(HexFormat.of().formatHex(orEmpty(sealed.get(i).key)), HexFormat.of().formatHex(orEmpty(records.get(i).key())));
            assertEquals(sealed.get(i).key == null, records.get(i).key() == null);
        }
    }

    @Test
    void tombstonesAndTheRecordsBehindThemStayRight() throws Exception {
        String topic = createTopic("tombstones");
        Sealer nullKey = sealer(topic, null, List.of(), "null key");
        Sealer withKey = sealer(topic, bytes("k"), List.of(), "key");
        send(List.of(record(withKey, bytes("k"), null), record(nullKey, null, nullKey.seal()),
                record(withKey, null, null), record(withKey, bytes("k"), withKey.seal())));
        List<ConsumerRecord<byte[], String>> records = read(topic, "classic", 4);
        assertNull(records.get(0).value());
        assertBytes(bytes("k"), records.get(0).key());
        assertEquals("null key", records.get(1).value());
        assertNull(records.get(2).value());
        assertEquals("key", records.get(3).value());
    }

    @Test
    void aRecordThatDoesNotOpenIsThrownByPollAndTheConsumerGoesOnBehindIt() throws Exception {
        String topic = createTopic("faults");
        Sealer good = sealer(topic, bytes("k"), List.of(), "good");
        Sealer nullKey = sealer(topic, null, List.of(), "sealed for the null key");
        send(List.of(record(good, bytes("k"), good.seal()), record(nullKey, bytes("k"), nullKey.seal()),
                record(good, bytes("other"), good.seal()), record(good, null, good.seal()),
                record(good, bytes("k"), bytes("plain")), record(good, bytes("k"), good.seal())));
        List<String> outcomes = new ArrayList<>();
        try (KafkaConsumer<byte[], String> consumer = consumer(topic)) {
            while (outcomes.size() < 6) {
                try {
                    consumer.poll(WAIT).forEach(r -> outcomes.add(r.value()));
                } catch (RecordDeserializationException e) {
                    outcomes.add(assertInstanceOf(EnvelopeException.class, e.getCause()).code());
                    assertEquals(outcomes.size() - 1, e.offset());
                    assertThrows(RecordDeserializationException.class, () -> consumer.poll(WAIT));
                    consumer.seek(e.topicPartition(), e.offset() + 1);
                }
            }
        }
        assertEquals(List.of("good", "AUTHENTICATION_FAILED", "AUTHENTICATION_FAILED", "AUTHENTICATION_FAILED", "NOT_SEALED",
                "good"), outcomes);
    }

    @Test
    void aConsumerWithoutTheKeyDeserializerIsNotBuilt() {
        Properties properties = properties();
        properties.put("key.deserializer", ByteArrayDeserializer.class.getName());
        KafkaException e = assertThrows(KafkaException.class, () -> new KafkaConsumer<>(properties).close());
        assertInstanceOf(ConfigException.class, e.getCause());
        KafkaException alsoByInstance = assertThrows(KafkaException.class,
                () -> new KafkaConsumer<>(properties(), new StringDeserializer(), null).close());
        assertInstanceOf(ConfigException.class, alsoByInstance.getCause());
    }

    @Test
    void aPairMadeByCodeOpensAndTheRawRecordOpensToo() throws Exception {
        String topic = createTopic("pair");
        Sealer sealer = sealer(topic, bytes("k"), List.of(new HeaderEntry("schema-id", bytes("42"))), "value");
        send(List.of(record(sealer, sealer.key, sealer.seal())));
        EnvelopeOpener opener = EnvelopeOpener.builder().keyring(Keyring.read(keyring))
                .rule(topic, ReadRule.accepting(List.of(new CmkRef("local", "orders-2025"))).build()).build();
        EnvelopeDeserializers<String, String> pair =
                EnvelopeDeserializers.of(opener, new StringDeserializer(), new StringDeserializer());
        Properties raw = new Properties();
        raw.put("bootstrap.servers", broker.address());
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(raw, pair.key(), pair.value())) {
            ConsumerRecord<String, String> record = readAll(consumer, topic, 1).get(0);
            assertEquals("k", record.key());
            assertEquals("value", record.value());
        }
        try (KafkaConsumer<byte[], byte[]> consumer =
                     new KafkaConsumer<>(raw, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            assertBytes(bytes("value"), opener.open(readAll(consumer, topic, 1).get(0)));
        }
    }

    @Test
    void aTransientFailureIsOverAtALaterPoll() throws Exception {
        String topic = createTopic("transient");
        Sealer sealer = sealer(topic, bytes("k"), List.of(), "value");
        sealer.wrappings.put("kms:a", bytes("ciphertext"));
        send(List.of(record(sealer, sealer.key, sealer.seal())));
        FakeKms kms = new FakeKms(false).fails("a", "KMS_TIMEOUT", Kind.TRANSIENT);
        EnvelopeOpener opener = EnvelopeOpener.builder().unwrapper("kms", kms)
                .rule(topic, ReadRule.accepting(List.of(new CmkRef("kms", "a"))).build()).build();
        EnvelopeDeserializers<String, String> pair =
                EnvelopeDeserializers.of(opener, new StringDeserializer(), new StringDeserializer());
        try (KafkaConsumer<String, String> consumer =
                     new KafkaConsumer<>(Map.of("bootstrap.servers", broker.address()), pair.key(), pair.value())) {
            assign(consumer, topic);
            assertThrows(RecordDeserializationException.class, () -> consumer.poll(WAIT));
            assertThrows(RecordDeserializationException.class, () -> consumer.poll(WAIT));
            kms.answers("a", () -> Sealer.DEK);
            assertEquals("value", consumer.poll(WAIT).iterator().next().value());
        }
    }

    @Test
    void theTopicsCommandPrintsALinePerCommittedRecord() throws Exception {
        String topic = createTopic("command");
        Sealer sealer = sealer(topic, bytes("k"), List.of(), "value");
        send(List.of(record(sealer, sealer.key, sealer.seal()), record(sealer, null, null)));
        sendInTransaction(topic, record(sealer, sealer.key, sealer.seal()), false);
        sendInTransaction(topic, record(sealer, bytes("x"), sealer.seal()), true);
        sendInTransaction(topic, record(sealer, sealer.key, sealer.seal()), false);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Topics.run(broker.address(), keyring.toString(), List.of(topic), new PrintStream(out, true, StandardCharsets.UTF_8));
        String[] lines = out.toString(StandardCharsets.UTF_8).split("\n");
        assertEquals(3, lines.length);
        String sha256 = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes("value")));
        assertEquals("{\"topic\":\"" + topic + "\",\"partition\":0,\"offset\":0,\"key\":\"6b\",\"value\":\"" + sha256 + "\"}",
                lines[0]);
        assertEquals("{\"topic\":\"" + topic + "\",\"partition\":0,\"offset\":1,\"key\":null,\"value\":null}", lines[1]);
        assertEquals("{\"topic\":\"" + topic + "\",\"partition\":0,\"offset\":4,\"key\":\"78\",\"error\":\"AUTHENTICATION_FAILED\"}",
                lines[2]);
        assertThrows(IllegalArgumentException.class,
                () -> Topics.run(broker.address(), keyring.toString(), List.of("absent"), System.out));
    }

    private static String createTopic(String name) throws Exception {
        broker.createTopic(name);
        return name;
    }

    private static Sealer sealer(String topic, byte[] key, List<HeaderEntry> headers, String plaintext) {
        Sealer sealer = new Sealer();
        sealer.topic = topic;
        sealer.key = key;
        sealer.headers = headers;
        sealer.boundHeaders = List.of("schema-id");
        sealer.plaintext = bytes(plaintext);
        return sealer;
    }

    private static ProducerRecord<byte[], byte[]> record(Sealer sealer, byte[] key, byte[] value) {
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(sealer.topic, 0, key, value);
        sealer.headers.forEach(h -> record.headers().add(new RecordHeader(h.name(), h.value())));
        return record;
    }

    private static void send(List<ProducerRecord<byte[], byte[]>> records) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", broker.address()), new ByteArraySerializer(), new ByteArraySerializer())) {
            for (ProducerRecord<byte[], byte[]> record : records) {
                producer.send(record).get();
            }
        }
    }

    private static void sendInTransaction(String topic, ProducerRecord<byte[], byte[]> record, boolean commit) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", broker.address(), "transactional.id", "test-" + topic),
                new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(record).get();
            if (commit) {
                producer.commitTransaction();
            } else {
                producer.abortTransaction();
            }
        }
    }

    private static List<ConsumerRecord<byte[], String>> read(String topic, String protocol, int count) {
        Properties properties = properties();
        properties.put("group.protocol", protocol);
        properties.put("group.id", "test");
        try (KafkaConsumer<byte[], String> consumer = new KafkaConsumer<>(properties)) {
            return readAll(consumer, topic, count);
        }
    }

    private static <K, V> List<ConsumerRecord<K, V>> readAll(KafkaConsumer<K, V> consumer, String topic, int count) {
        assign(consumer, topic);
        List<ConsumerRecord<K, V>> records = new ArrayList<>();
        while (records.size() < count) {
            consumer.poll(WAIT).forEach(records::add);
        }
        return records;
    }

    private static KafkaConsumer<byte[], String> consumer(String topic) {
        KafkaConsumer<byte[], String> consumer = new KafkaConsumer<>(properties());
        assign(consumer, topic);
        return consumer;
    }

    private static void assign(KafkaConsumer<?, ?> consumer, String topic) {
        List<TopicPartition> partitions = List.of(new TopicPartition(topic, 0));
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
    }

    private static Properties properties() {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", broker.address());
        properties.put("key.deserializer", EnvelopeKeyDeserializer.class.getName());
        properties.put("value.deserializer", EnvelopeValueDeserializer.class.getName());
        properties.put("envelope.value.deserializer", StringDeserializer.class.getName());
        properties.put("envelope.keyring.file", keyring.toString());
        properties.put("envelope.accept", "local:orders-2025");
        return properties;
    }

    private static byte[] orEmpty(byte[] bytes) {
        return bytes == null ? new byte[0] : bytes;
    }
}
