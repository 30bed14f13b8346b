package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Sealer.bytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.kafkaenvelope.kafkaui.KafkaUi;
import io.github.kafkaenvelope.kafkaui.View;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The serde in the built jar, driven as kafka-ui drives it. */
class KafkaUiIT {
    private static final Path JAR = Path.of("target/kafka-envelope-reader-0.1.0-all.jar").toAbsolutePath();
    private static final String TOPIC = "orders.eu";
    private static final String SERDE = "kafka-envelope";
    private static final Set<String> VECTORS = Set.of("example", "local", "rsa", "sealed-for", "require", "cap");
    @TempDir
    Path folder;
    private Path location = JAR;

    @Test
    void aValueOpensWithTheKeyOfItsRecord() throws Exception {
        Sealer sealer = sealer(bytes("order-17"));
        sealer.headers = List.of(new HeaderEntry("schema-id", bytes("42")), new HeaderEntry("schema-id", null));
        sealer.boundHeaders = List.of("schema-id");
        sealer.context.put("env", "prod");
        Map<String, Object> message = view().show(record(sealer.key, sealer));
        assertEquals("order-17", message.get("key"));
        assertEquals("{\"order\":17}", message.get("value"));
        assertEquals("JSON", message.get("valueType"));
        Map<?, ?> properties = properties(message);
        assertEquals("\"order-17\"", properties.get("sealedForKey"));
        assertEquals("local:orders-2025", properties.get("cmks"));
        assertEquals("env=prod", properties.get("context"));
        assertEquals("schema-id", properties.get("boundHeaders"));
        assertTrue(properties.get("notVerified").toString().startsWith("that this record has the key in sealedForKey"));
    }

    @Test
    void whatIsNotJsonOrNotUtf8IsAString() throws Exception {
        Sealer text = sealer(bytes("k"));
        text.plaintext = bytes("17");
        assertEquals(List.of("17", "STRING"), valueAndType(view().show(record(text.key, text))));
        Sealer binary = sealer(new byte[] {(byte) 0xff});
        binary.plaintext = new byte[] {(byte) 0xff, 0};
        Map<String, Object> message = view().show(record(binary.key, binary));
        assertEquals("0xff", message.get("key"));
        assertEquals(List.of("0xff00", "STRING"), valueAndType(message));
        assertEquals("0xff", properties(message).get("sealedForKey"));
    }

    @Test
    void aRecordWithoutAKeyOpensAndOneThatHasTheValueOfAnotherKeyDoesNot() throws Exception {
        View view = view();
        Sealer keyless = sealer(null);
        Map<String, Object> message = view.show(record(null, keyless));
        assertEquals("{\"order\":17}", message.get("value"));
        assertEquals("null", properties(message).get("sealedForKey"));
        assertCode("AUTHENTICATION_FAILED", view.show(record(bytes("other"), sealer(bytes("order-17")))));
    }

    @Test
    void aKeyIsForgottenOnceItsValueWasShown() throws Exception {
        View view = view();
        Sealer sealer = sealer(bytes("order-17"));
        assertEquals("{\"order\":17}", view.show(record(sealer.key, sealer)).get("value"));
        assertCode("AUTHENTICATION_FAILED", view.show(record(null, sealer)));
        view.show(record(sealer.key, bytes("not sealed")));
        assertCode("AUTHENTICATION_FAILED", view.show(record(null, sealer)));
    }

    @Test
    void afterATombstoneAValueOfTheNullKeyIsMarkedAsNotVerified() throws Exception {
        View view = view();
        Sealer keyless = sealer(null);
        view.show(record(bytes("order-17"), (byte[]) null));
        for (Map<String, Object> message : List.of(view.show(record(null, keyless)), view.show(record(bytes("moved"), keyless)))) {
            assertTrue(message.get("value").toString().startsWith("NOT VERIFIED: this value was sealed for a record without a key"));
            assertTrue(message.get("value").toString().endsWith("\n\n{\"order\":17}"));
            assertEquals("STRING", message.get("valueType"));
            assertEquals("null", properties(message).get("sealedForKey"));
        }
    }

    @Test
    void whateverOpensSaysTheKeyThatItWasSealedForAlsoIfItWasMovedBehindATombstoneOfThatKey() throws Exception {
        View view = view();
        Sealer sealer = sealer(bytes("order-17"));
        view.show(record(sealer.key, (byte[]) null));
        Map<String, Object> moved = view.show(record(null, sealer));
        assertFalse(moved.containsKey("key"));
        assertEquals("\"order-17\"", properties(moved).get("sealedForKey"));
        assertTrue(properties(moved).get("notVerified").toString().contains("If they differ, the value was moved here"));
    }

    @Test
    void withoutTheKeyNothingThatBindsAKeyIsOpened() throws Exception {
        KafkaUi ui = start();
        Sealer sealer = sealer(bytes("order-17"));
        Map<String, Object> message = ui.open(TOPIC, View.STRING_SERDE, SERDE).show(record(sealer.key, sealer));
        assertEquals("Not opened: sealed under local:orders-2025 together with its record key, which kafka-ui does not give to this "
                + "serde. Choose this serde for the keys, too.", message.get("value"));
        assertEquals("anything, also of what is said here of the envelope", properties(message).get("notVerified"));
        Sealer keyless = sealer(null);
        assertTrue(ui.open(TOPIC, View.STRING_SERDE, SERDE).show(record(null, keyless)).get("value").toString()
                .startsWith("Not opened: sealed under"));
    }

    @Test
    void theKeysOfAnotherViewOnTheThreadAreNotTaken() throws Exception {
        KafkaUi ui = start();
        Sealer sealer = sealer(bytes("order-17"));
        View keysOnly = ui.open(TOPIC, SERDE, View.STRING_SERDE);
        View valuesOnly = ui.open(TOPIC, View.STRING_SERDE, SERDE);
        keysOnly.show(record(sealer.key, sealer));
        assertTrue(valuesOnly.show(record(sealer.key, sealer)).get("value").toString().startsWith("Not opened: sealed under"));
        View one = ui.open(TOPIC);
        View other = ui.open(TOPIC);
        one.show(record(sealer.key, (byte[]) null));
        assertCode("AUTHENTICATION_FAILED", other.show(record(null, sealer)));
    }

    @Test
    void threadsThatShareAViewKeepTheirKeysApart() throws Exception {
        View view = view();
        int threads = 4;
        CyclicBarrier barrier = new CyclicBarrier(threads);
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        try {
            List<Future<Boolean>> all = new ArrayList<>();
            for (int thread = 0; thread < threads; thread++) {
                byte[] key = thread == 0 ? null : bytes("key-" + thread);
                ConsumerRecord<byte[], byte[]> record = record(key, sealer(key));
                View slow = new View(view.keySerde(), (headers, bytes) -> {
                    var result = view.keys().deserialize(headers, bytes);
                    await(barrier);
                    return result;
                }, view.valueSerde(), (headers, bytes) -> {
                    if (key == null) {
                        await(barrier);
                    }
                    return view.values().deserialize(headers, bytes);
                });
                all.add(pool.submit(() -> {
                    boolean opened = true;
                    for (int i = 0; i < 50; i++) {
                        opened &= "{\"order\":17}".equals(slow.show(record).get("value"));
                    }
                    return opened;
                }));
            }
            for (Future<Boolean> one : all) {
                assertTrue(one.get());
            }
        } finally {
            pool.shutdownNow();
        }
    }

    @Test
    void whatDoesNotOpenSaysItsCodeAndWhatTheEnvelopeSays() throws Exception {
        View view = view();
        assertCode("NOT_SEALED", view.show(record(bytes("k"), bytes("plain"))));
        Sealer sealer = sealer(bytes("k"));
        sealer.wrappings.put("tencent-kms:other", bytes("ciphertext"));
        Map<String, Object> message = view.show(record(sealer.key, sealer));
        assertCode("NO_CANDIDATE", message);
        assertEquals("unreadable", properties(message).get("kind"));
        assertEquals("tencent-kms:other", properties(message).get("cmks"));
    }

    @Test
    void anEnvelopeThatBindsNoKeyOpensWithoutOneIfTheRuleAllowsIt() throws Exception {
        Sealer sealer = sealer(bytes("k"));
        sealer.keyBound = false;
        assertCode("REQUIREMENT_UNMET", view().show(record(sealer.key, sealer)));
        KafkaUi ui = start(Map.of(), "envelope.require.bound.key: false");
        Map<String, Object> message = ui.open(TOPIC, View.STRING_SERDE, SERDE).show(record(sealer.key, sealer));
        assertEquals("{\"order\":17}", message.get("value"));
        assertEquals("the record key: it is not bound", properties(message).get("notVerified"));
        assertNull(properties(message).get("sealedForKey"));
    }

    @Test
    void environmentVariablesConfigureItToo() throws Exception {
        Path keyring = Keyrings.write(folder, Keyrings.orders2025(), "rw-------");
        Path empty = Files.writeString(folder.resolve("application.yml"), "kafka: {}\n");
        Map<String, Object> variables = new LinkedHashMap<>();
        Map.of("NAME", SERDE, "CLASSNAME", "io.github.kafkaenvelope.kafkaui.EnvelopeSerde", "FILEPATH", JAR.toString(),
                "TOPICKEYSPATTERN", ".*", "TOPICVALUESPATTERN", ".*", "PROPERTIES_ENVELOPE_KEYRING_FILE", keyring.toString(),
                "PROPERTIES_ENVELOPE_ACCEPT", "local:orders-2025", "PROPERTIES_ENVELOPE_REQUIRE_HEADERS", "type,tenant")
                .forEach((name, value) -> variables.put("KAFKA_CLUSTERS_0_SERDE_0_" + name, value));
        Sealer sealer = sealer(bytes("k"));
        assertCode("REQUIREMENT_UNMET", KafkaUi.start(empty, variables).open(TOPIC).show(record(sealer.key, sealer)));
        sealer.boundHeaders = List.of("tenant", "type");
        assertEquals("{\"order\":17}", KafkaUi.start(empty, variables).open(TOPIC).show(record(sealer.key, sealer)).get("value"));
    }

    @Test
    void theAwsSdkIsNeededOnlyForAwsAndIsFoundBesideTheJar() throws Exception {
        String cmk = "arn:aws:kms:eu-west-3:111122223333:key/5b3c1a9e-1d2f-4c6b-9a0e-7f8d6c5b4a39";
        String[] lines = {"envelope.accept: 'aws-kms:" + cmk + "'", "envelope.aws.regions: eu-west-3"};
        ConfigException e = assertThrows(ConfigException.class, () -> start(Map.of(), lines));
        assertTrue(e.getMessage().startsWith("envelope.aws.regions needs software.amazon.awssdk:kms"));
        location = Files.createDirectory(folder.resolve("serdes"));
        Files.copy(JAR, location.resolve(JAR.getFileName()));
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (entry.contains("/software/amazon/")) {
                Files.copy(Path.of(entry), location.resolve(Path.of(entry).getFileName()));
            }
        }
        Sealer sealer = sealer(bytes("k"));
        sealer.wrappings.put("aws-kms:" + cmk, bytes("ciphertext"));
        try (AwsEnvironment environment = new AwsEnvironment(cmk)) {
            assertEquals("{\"order\":17}", start(Map.of(), lines).open(TOPIC).show(record(sealer.key, sealer)).get("value"));
            assertEquals(1, environment.calls());
        }
    }

    @Test
    void aPropertyThatIsNotKnownIsRefused() {
        for (String wrong : List.of("envelope.require.header: tenant", "envelope.require.headers: [tenant, type]",
                "envelope.require.context: { tenant: acme }")) {
            assertThrows(IllegalArgumentException.class, () -> start(Map.of(), wrong), wrong);
        }
    }

    @Test
    void vectorsOfTheLibraryShowWhatTheyState() throws Exception {
        List<String> disagreements = new ArrayList<>();
        // Most vectors share keyring and rule with others, and each start takes a while.
        Map<String, KafkaUi> started = new HashMap<>();
        int tried = 0;
        for (JsonNode vector : new ObjectMapper().readTree(Path.of("../../test/vectors/rules/v1.json").toFile())) {
            if (!VECTORS.contains(vector.get("name").textValue().split("/")[0]) || vector.get("envelope").isNull()) {
                continue;
            }
            tried++;
            String rule = vector.get("keyring").toString() + vector.get("rule");
            if (!started.containsKey(rule)) {
                started.put(rule, startFor(vector));
            }
            String outcome = outcome(started.get(rule), vector);
            String stated = vector.get(vector.get("error").isNull() ? "plaintext" : "error").textValue();
            if (!outcome.equals(stated)) {
                disagreements.add(vector.get("name").textValue() + ": " + outcome);
            }
        }
        assertEquals(List.of(), disagreements);
        assertTrue(tried > 200);
    }

    private KafkaUi startFor(JsonNode vector) throws Exception {
        Keyrings.write(folder, vector.get("keyring").toString(), "rw-------");
        JsonNode rule = vector.get("rule");
        JsonNode require = rule.get("require");
        List<String> cmks = new ArrayList<>();
        rule.get("cmks").forEach(cmk -> cmks.add(cmk.get(0).textValue() + ":" + cmk.get(1).textValue()));
        String context = require.get("context").properties().stream()
                .map(entry -> entry.getKey() + "=" + entry.getValue().textValue()).collect(Collectors.joining(" "));
        return start(Map.of(), "envelope.accept: '" + String.join(" ", cmks).replace("'", "''") + "'",
                "envelope.accept.public.key.sealing: " + rule.get("acceptPublicKeySealing"),
                "envelope.require.bound.key: " + require.get("keyBound"),
                "envelope.require.headers: '" + texts(require.get("headers"), ",") + "'",
                "envelope.require.context: '" + context + "'",
                "envelope.original.topics: '" + texts(rule.get("originalTopics"), " ") + "'",
                "envelope.max.decompressed.bytes: " + rule.get("maxDecompressedBytes"));
    }

    /** The plaintext in hex, or the code. */
    private static String outcome(KafkaUi ui, JsonNode vector) {
        String topic = vector.get("topic").textValue();
        ConsumerRecord<byte[], byte[]> record = new ConsumerRecord<>(topic, 0, 0, VectorFile.bytes(vector.get("key")),
                VectorFile.bytes(vector.get("envelope")));
        VectorFile.headers(vector.get("headers")).forEach(h -> record.headers().add(new RecordHeader(h.name(), h.value())));
        Map<String, Object> message = ui.open(topic, SERDE, SERDE).show(record);
        Object code = properties(message).get("code");
        if (code != null) {
            return code.toString();
        }
        String value = message.get("value").toString();
        return value.startsWith("0x") ? value.substring(2) : HexFormat.of().formatHex(bytes(value));
    }

    private static String texts(JsonNode list, String separator) {
        List<String> texts = new ArrayList<>();
        list.forEach(text -> texts.add(text.textValue()));
        return String.join(separator, texts);
    }

    private static void await(CyclicBarrier barrier) {
        try {
            barrier.await();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static void assertCode(String code, Map<String, Object> message) {
        assertEquals(code, properties(message).get("code"));
        assertTrue(message.get("value").toString().startsWith("Not opened: " + code + ": "));
        assertEquals("STRING", message.get("valueType"));
    }

    private static List<Object> valueAndType(Map<String, Object> message) {
        return List.of(message.get("value"), message.get("valueType"));
    }

    private static Map<?, ?> properties(Map<String, Object> message) {
        return (Map<?, ?>) message.get("valueDeserializeProperties");
    }

    private View view() throws Exception {
        return start().open(TOPIC);
    }

    private KafkaUi start() throws Exception {
        return start(Map.of());
    }

    private KafkaUi start(Map<String, Object> variables, String... lines) throws Exception {
        Path keyring = folder.resolve("keyring.json");
        if (!Files.exists(keyring)) {
            Keyrings.write(folder, Keyrings.orders2025(), "rw-------");
        }
        Map<String, String> properties = new LinkedHashMap<>(Map.of("envelope.accept", "local:orders-2025"));
        properties.put("envelope.keyring.file", "'" + keyring + "'");
        for (String line : lines) {
            properties.put(line.split(": ", 2)[0], line.split(": ", 2)[1]);
        }
        List<String> yaml = new ArrayList<>(List.of("kafka:", "  clusters:", "    - name: test", "      serde:",
                "        - name: " + SERDE, "          className: io.github.kafkaenvelope.kafkaui.EnvelopeSerde",
                "          filePath: '" + location + "'", "          topicKeysPattern: 'orders[.].*'",
                "          topicValuesPattern: 'orders[.].*'", "          properties:"));
        properties.forEach((name, value) -> yaml.add("            " + name + ": " + value));
        return KafkaUi.start(Files.write(folder.resolve("application.yml"), yaml), variables);
    }

    private static Sealer sealer(byte[] key) {
        Sealer sealer = new Sealer();
        sealer.key = key;
        return sealer;
    }

    private static ConsumerRecord<byte[], byte[]> record(byte[] key, Sealer sealer) {
        ConsumerRecord<byte[], byte[]> record = record(key, sealer.seal());
        sealer.headers.forEach(h -> record.headers().add(new RecordHeader(h.name(), h.value())));
        return record;
    }

    private static ConsumerRecord<byte[], byte[]> record(byte[] key, byte[] value) {
        return new ConsumerRecord<>(TOPIC, 0, 0, key, value);
    }
}
