package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Assert.assertBytes;
import static io.github.kafkaenvelope.Assert.assertCode;
import static io.github.kafkaenvelope.Sealer.bytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The contract between the two deserializers; {@link BrokerTest} has the same with a real consumer. */
class DeserializersTest {
    private static final String TOPIC = "orders.eu";
    private static final EnvelopeOpener OPENER = EnvelopeOpener.builder().keyring(Keyrings.parse(Keyrings.orders2025()))
            .ruleForOtherTopics(ReadRule.accepting(List.of(new CmkRef("local", "orders-2025"))).build()).build();
    @TempDir
    Path folder;
    private final EnvelopeDeserializers<String, byte[]> pair =
            EnvelopeDeserializers.of(OPENER, new StringDeserializer(), new ByteArrayDeserializer());

    @Test
    void theKeyOfTheSameHeadersInstanceIsUsed() {
        Headers headers = new RecordHeaders();
        assertEquals("order-17", pair.key().deserialize(TOPIC, headers, ByteBuffer.wrap(Example.KEY)));
        assertBytes(Example.PLAINTEXT, pair.value().deserialize(TOPIC, headers, ByteBuffer.wrap(new Sealer().seal())));
    }

    @Test
    void anEqualHeadersInstanceIsNotTheSame() {
        pair.key().deserialize(TOPIC, new RecordHeaders(), Example.KEY);
        assertCode("AUTHENTICATION_FAILED", () -> pair.value().deserialize(TOPIC, new RecordHeaders(), new Sealer().seal()));
    }

    @Test
    void aRecordWithTheNullKeyBehindOneWithAKeyHasTheNullKey() {
        pair.key().deserialize(TOPIC, new RecordHeaders(), Example.KEY);
        assertBytes(Example.PLAINTEXT, pair.value().deserialize(TOPIC, new RecordHeaders(), sealedForNullKey()));
    }

    @Test
    void anEmptyKeyIsNotTheNullKey() {
        Headers headers = new RecordHeaders();
        pair.key().deserialize(TOPIC, headers, new byte[0]);
        assertCode("AUTHENTICATION_FAILED", () -> pair.value().deserialize(TOPIC, headers, sealedForNullKey()));
    }

    @Test
    void aKeyGivenAsNullIsTheNullKey() {
        Headers headers = new RecordHeaders();
        assertNull(pair.key().deserialize(TOPIC, headers, (byte[]) null));
        assertBytes(Example.PLAINTEXT, pair.value().deserialize(TOPIC, headers, sealedForNullKey()));
    }

    @Test
    void aKeyIsUsedOnce() {
        Headers headers = new RecordHeaders();
        pair.key().deserialize(TOPIC, headers, Example.KEY);
        pair.value().deserialize(TOPIC, headers, new Sealer().seal());
        assertCode("AUTHENTICATION_FAILED", () -> pair.value().deserialize(TOPIC, headers, new Sealer().seal()));
    }

    @Test
    void aKeyMetOnAnotherThreadIsNotUsed() throws InterruptedException {
        Headers headers = new RecordHeaders();
        Thread other = new Thread(() -> pair.key().deserialize(TOPIC, headers, Example.KEY));
        other.start();
        other.join();
        assertCode("AUTHENTICATION_FAILED", () -> pair.value().deserialize(TOPIC, headers, new Sealer().seal()));
    }

    @Test
    void theValueDeserializerAloneDoesNotOpenWhatWasSealedForAKey() {
        assertCode("AUTHENTICATION_FAILED", () -> pair.value().deserialize(TOPIC, new RecordHeaders(), new Sealer().seal()));
    }

    @Test
    void boundHeadersAreThoseOfTheRecord() {
        Sealer sealer = new Sealer();
        sealer.boundHeaders = List.of("a", "é");
        sealer.headers = List.of(new HeaderEntry("a", bytes("1")), new HeaderEntry("é", null), new HeaderEntry("a", bytes("2")));
        Headers headers = new RecordHeaders().add("a", bytes("1")).add("a", bytes("2")).add("é", null);
        pair.key().deserialize(TOPIC, headers, Example.KEY);
        assertBytes(Example.PLAINTEXT, pair.value().deserialize(TOPIC, headers, sealer.seal()));
        Headers swapped = new RecordHeaders().add("a", bytes("2")).add("a", bytes("1")).add("é", null);
        pair.key().deserialize(TOPIC, swapped, Example.KEY);
        assertCode("AUTHENTICATION_FAILED", () -> pair.value().deserialize(TOPIC, swapped, sealer.seal()));
    }

    @Test
    void aTombstoneIsNullAndAFailureIsNot() {
        Headers headers = new RecordHeaders();
        pair.key().deserialize(TOPIC, headers, Example.KEY);
        assertNull(pair.value().deserialize(TOPIC, headers, (byte[]) null));
        assertCode("NOT_SEALED", () -> pair.value().deserialize(TOPIC, headers, new byte[0]));
    }

    @Test
    void withoutHeadersBothRefuse() {
        assertThrows(UnsupportedOperationException.class, () -> pair.key().deserialize(TOPIC, Example.KEY));
        assertThrows(UnsupportedOperationException.class, () -> pair.value().deserialize(TOPIC, new Sealer().seal()));
    }

    @Test
    void allPropertiesAreUsed() throws IOException {
        Map<String, Object> properties = properties();
        properties.put("envelope.accept", " local/rsa-oaep-sha256:a:b\tlocal:orders-2025 ");
        properties.put("envelope.accept.public.key.sealing", "true");
        properties.put("envelope.require.bound.key", "false");
        properties.put("envelope.require.headers", "schema-id,a b");
        properties.put("envelope.require.context", "env=prod k=a=b");
        properties.put("envelope.original.topics", "orders.eu mirror.*");
        properties.put("envelope.max.decompressed.bytes", "12");
        EnvelopeValueDeserializer<byte[]> value = configured(properties);
        Sealer sealer = new Sealer();
        sealer.keyBound = false;
        sealer.compression = 1;
        sealer.boundHeaders = List.of("a b", "schema-id");
        sealer.context = new TreeMap<>(Map.of("env", "prod", "k", "a=b"));
        for (String topic : List.of("orders.eu", "mirror.eu")) {
            sealer.topic = topic;
            assertBytes(Example.PLAINTEXT, value.deserialize("copy", new RecordHeaders(), sealer.seal()));
        }
        sealer.plaintext = new byte[13];
        assertCode("TOO_LARGE", () -> value.deserialize("copy", new RecordHeaders(), sealer.seal()));
        sealer.topic = "mirror";
        assertCode("WRONG_TOPIC", () -> value.deserialize("copy", new RecordHeaders(), sealer.seal()));
        sealer.topic = "copy";
        sealer.boundHeaders = List.of("schema-id");
        assertCode("REQUIREMENT_UNMET", () -> value.deserialize("copy", new RecordHeaders(), sealer.seal()));
    }

    @Test
    void dictionariesAreReadFromFiles() throws IOException {
        Map<String, Object> properties = properties();
        Sealer sealer = new Sealer();
        sealer.key = null;
        sealer.compression = 3;
        sealer.dictionary = Example.PLAINTEXT;
        assertCode("DICTIONARY_UNKNOWN", () -> configured(properties).deserialize(TOPIC, new RecordHeaders(), sealer.seal()));
        Path other = Files.write(folder.resolve("other.dict"), new byte[] {1});
        Path orders = Files.write(folder.resolve("orders.dict"), sealer.dictionary);
        properties.put("envelope.dictionary.files", other + "," + orders);
        assertBytes(Example.PLAINTEXT, configured(properties).deserialize(TOPIC, new RecordHeaders(), sealer.seal()));
        properties.put("envelope.dictionary.files", folder.resolve("absent").toString());
        assertThrows(ConfigException.class, () -> configured(properties));
        properties.put("envelope.dictionary.files", Files.write(other, new byte[0]).toString());
        assertThrows(ConfigException.class, () -> configured(properties));
    }

    @Test
    void theDefaultsRequireABoundKeyAndDeliverBytes() throws IOException {
        EnvelopeValueDeserializer<byte[]> value = configured(properties());
        assertBytes(Example.PLAINTEXT, value.deserialize(TOPIC, new RecordHeaders(), sealedForNullKey()));
        Sealer sealer = new Sealer();
        sealer.keyBound = false;
        assertCode("REQUIREMENT_UNMET", () -> value.deserialize(TOPIC, new RecordHeaders(), sealer.seal()));
    }

    @Test
    void wrongPropertiesAreRefused() throws IOException {
        for (String[] wrong : new String[][] {
            {"key.deserializer", null}, {"key.deserializer", ByteArrayDeserializer.class.getName()},
            {"key.deserializer", EnvelopeValueDeserializer.class.getName()}, {"key.deserializer", "no.such.Class"},
            {"envelope.keyring.file", null}, {"envelope.accept", null}, {"envelope.accept", ""}, {"envelope.accept", "local"},
            {"envelope.accept", "nobody:a"}, {"envelope.accept", "LOCAL:a"}, {"envelope.require.bound.key", "perhaps"},
            {"envelope.require.context", "env"}, {"envelope.original.topics", "*"}, {"envelope.original.topics", "a*b"},
            {"envelope.max.decompressed.bytes", "-1"}, {"envelope.cached.keys.max.age.ms", "-1"},
            {"envelope.value.deserializer", "no.such.Class"},
        }) {
            Map<String, Object> properties = properties();
            properties.put(wrong[0], wrong[1]);
            properties.values().removeIf(v -> v == null);
            assertThrows(ConfigException.class, () -> configured(properties), String.join("=", wrong[0], wrong[1]));
        }
        Map<String, Object> noFile = properties();
        noFile.put("envelope.keyring.file", folder.resolve("absent").toString());
        assertCode("KEYRING_INVALID", () -> configured(noFile));
    }

    @Test
    void eachIsForItsOwnPart() {
        try (EnvelopeKeyDeserializer<byte[]> key = new EnvelopeKeyDeserializer<>();
             EnvelopeValueDeserializer<byte[]> value = new EnvelopeValueDeserializer<>()) {
            assertThrows(ConfigException.class, () -> key.configure(properties(), false));
            assertThrows(ConfigException.class, () -> value.configure(properties(), true));
        }
    }

    private static EnvelopeValueDeserializer<byte[]> configured(Map<String, Object> properties) {
        EnvelopeValueDeserializer<byte[]> value = new EnvelopeValueDeserializer<>();
        value.configure(properties, false);
        return value;
    }

    private Map<String, Object> properties() throws IOException {
        Map<String, Object> properties = new HashMap<>();
        properties.put("key.deserializer", EnvelopeKeyDeserializer.class);
        properties.put("envelope.keyring.file", Keyrings.write(folder, Keyrings.orders2025(), "rw-------").toString());
        properties.put("envelope.accept", "local:orders-2025");
        return properties;
    }

    private static byte[] sealedForNullKey() {
        Sealer sealer = new Sealer();
        sealer.key = null;
        return sealer.seal();
    }
}
