package io.github.kafkaenvelope;

import static io.github.kafkaenvelope.Sealer.bytes;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.IntegerDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MessageFormatterTest {
    private static final byte[] NO_KEY = null;
    @TempDir
    static Path folder;
    private static Path keyring;

    @BeforeAll
    static void write() throws IOException {
        keyring = Keyrings.write(folder, Keyrings.orders2025(), "rw-------");
    }

    @Test
    void valuesArePrintedOneToALine() {
        assertEquals("{\"order\":17}\n{\"order\":17}\nnull\n",
                printed(Map.of(), record(bytes("k"), sealed(bytes("k"))), record(NO_KEY, sealed(NO_KEY)), record(bytes("k"), null)));
    }

    @Test
    void columnsComeInTheOrderOfKafkasFormatter() {
        assertEquals("CreateTime:1764410000000\tPartition:3\tOffset:42\tschema-id:42,schema-id:null\tCMK:local:orders-2025\tk"
                + "\t{\"order\":17}\n", printed(allColumns(), withHeaders(record(bytes("k"), sealed(bytes("k"))))));
        assertEquals("CreateTime:1764410000000\tPartition:3\tOffset:42\tNO_HEADERS\tCMK:none\tnull\tnull\n",
                printed(allColumns(), record(NO_KEY, null)));
    }

    @Test
    void separatorsAndTheTextForNullAreTakenAsTheyAre() {
        Map<String, String> properties = Map.of("print.key", "true", "print.headers", "true", "key.separator", " | ",
                "line.separator", " \n\n", "headers.separator", "; ", "null.literal", "-");
        assertEquals("schema-id:42; schema-id:- | - | {\"order\":17} \n\n",
                printed(properties, withHeaders(record(NO_KEY, sealed(NO_KEY)))));
    }

    @Test
    void withoutTheValueNothingIsOpened() {
        assertEquals("CMK:local:orders-2025\n",
                printed(Map.of("print.value", "false", "print.cmk", "true"), record(bytes("other"), sealed(bytes("k")))));
        assertEquals("", printed(Map.of("print.value", "false"), record(NO_KEY, sealed(NO_KEY))));
    }

    @Test
    void aRecordThatDoesNotOpenIsALineAndTheNextOneFollows() {
        assertEquals("other\t[orders.eu partition 3 offset 42 does not open: AUTHENTICATION_FAILED: the tag does not verify]\n"
                        + "k\t[orders.eu partition 3 offset 42 does not open: NOT_SEALED: the value is not an envelope]\nk\t{\"order\":17}\n",
                printed(Map.of("print.key", "true"), record(bytes("other"), sealed(bytes("k"))),
                        record(bytes("k"), bytes("plain")), record(bytes("k"), sealed(bytes("k")))));
    }

    @Test
    void aRecordThatDoesNotOpenStopsTheConsoleIfAskedTo() {
        Map<String, String> stop = Map.of("envelope.on.failure", "stop", "print.key", "true");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        EnvelopeMessageFormatter formatter = formatter(stop);
        String err = standardErrorOf(() -> {
            EnvelopeException e = assertThrows(EnvelopeException.class,
                    () -> formatter.writeTo(record(bytes("other"), sealed(bytes("k"))), new PrintStream(out)));
            assertEquals("AUTHENTICATION_FAILED", e.code());
        });
        assertEquals("[orders.eu partition 3 offset 42 does not open: AUTHENTICATION_FAILED: the tag does not verify]\n", err);
        assertEquals(0, out.size());
    }

    @Test
    void atTheEndStandardErrorCountsWhatDidNotOpen() {
        EnvelopeMessageFormatter formatter = formatter(Map.of());
        PrintStream nowhere = new PrintStream(new ByteArrayOutputStream());
        formatter.writeTo(record(bytes("k"), sealed(bytes("k"))), nowhere);
        formatter.writeTo(record(bytes("k"), bytes("plain")), nowhere);
        formatter.writeTo(record(bytes("other"), sealed(bytes("k"))), nowhere);
        formatter.writeTo(record(bytes("k"), bytes("plain")), nowhere);
        assertEquals("3 of 4 records do not open: AUTHENTICATION_FAILED 1, NOT_SEALED 2\n", standardErrorOf(formatter::close));
    }

    @Test
    void textOfRecordsCannotControlTheTerminal() {
        byte[] escape = bytes("\u001b[2J\u202e\\ é\u00a0");
        Sealer sealer = new Sealer();
        sealer.key = escape;
        sealer.plaintext = escape;
        ConsumerRecord<byte[], byte[]> record = record(escape, sealer.seal());
        record.headers().add(new RecordHeader("h\u001b", escape));
        String safe = "\\x1b[2J\\xe2\\x80\\xae\\ é\\xc2\\xa0";
        Map<String, String> properties = Map.of("print.key", "true", "print.headers", "true");
        assertEquals("h\\x1b:" + safe + "\t" + safe + "\t" + safe + "\n", printed(properties, record));
        Map<String, String> text = new HashMap<>(properties);
        text.put("value.deserializer", StringDeserializer.class.getName());
        assertTrue(printed(text, record).endsWith("\t" + safe + "\n"));
    }

    @Test
    void bytesThatAreNotUtf8AreEscapedOneByOne() {
        assertEquals("a\\xc3(\\xff\\xf0\\x9f\\x98b", Printable.of(new byte[] {'a', (byte) 0xc3, '(', (byte) 0xff, (byte) 0xf0,
            (byte) 0x9f, (byte) 0x98, 'b'}));
        assertEquals("\\xed\\xa0\\x80😀", Printable.of(Sealer.concat(new byte[] {(byte) 0xed, (byte) 0xa0, (byte) 0x80}, bytes("😀"))));
        assertEquals("", Printable.of(new byte[0]));
    }

    @Test
    void forAPipeTheBytesAreAsTheyWere() {
        Sealer sealer = new Sealer();
        sealer.plaintext = bytes("\"\\u0041\"\u001b");
        assertEquals("\"\\u0041\"\u001b\n", printed(Map.of("envelope.escape", "false"), record(sealer.key, sealer.seal())));
    }

    @Test
    void deserializersShowKeysAndPlaintextsAndOneThatFailsIsNamed() {
        Sealer sealer = new Sealer();
        sealer.plaintext = new byte[] {0, 0, 1, 0};
        Map<String, String> properties = Map.of("print.key", "true", "value.deserializer", IntegerDeserializer.class.getName(),
                "key.deserializer", StringDeserializer.class.getName(), "key.deserializer.deserializer.encoding", "UTF-16BE");
        sealer.key = "k".getBytes(StandardCharsets.UTF_16BE);
        assertEquals("k\t256\n", printed(properties, record(sealer.key, sealer.seal())));
        sealer.plaintext = bytes("secret");
        assertEquals("k\t[value.deserializer fails: SerializationException]\n", printed(properties, record(sealer.key, sealer.seal())));
        Map<String, String> stop = new HashMap<>(properties);
        stop.put("envelope.on.failure", "stop");
        RuntimeException e = assertThrows(RuntimeException.class, () -> printed(stop, record(sealer.key, sealer.seal())));
        assertEquals("value.deserializer fails: SerializationException", e.getMessage());
        assertNull(e.getCause());
    }

    @Test
    void wrongPropertiesAreRefused() {
        for (Map<String, String> wrong : List.of(Map.of("envelope.on.failure", "skip"), Map.of("print.key", "yes"),
                Map.of("value.deserializer", "Absent"), Map.of("envelope.accept", ""))) {
            assertThrows(ConfigException.class, () -> formatter(wrong), wrong::toString);
        }
    }

    private static String standardErrorOf(Runnable task) {
        PrintStream before = System.err;
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        try {
            task.run();
        } finally {
            System.setErr(before);
        }
        return err.toString(StandardCharsets.UTF_8);
    }

    private static Map<String, String> allColumns() {
        Map<String, String> all = new HashMap<>();
        List.of("timestamp", "partition", "offset", "headers", "cmk", "key").forEach(column -> all.put("print." + column, "true"));
        return all;
    }

    @SafeVarargs
    private static String printed(Map<String, String> properties, ConsumerRecord<byte[], byte[]>... records) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        EnvelopeMessageFormatter formatter = formatter(properties);
        for (ConsumerRecord<byte[], byte[]> record : records) {
            formatter.writeTo(record, new PrintStream(out));
        }
        return out.toString(StandardCharsets.UTF_8);
    }

    private static EnvelopeMessageFormatter formatter(Map<String, String> properties) {
        Map<String, String> all = new HashMap<>(Map.of("envelope.keyring.file", keyring.toString(), "envelope.accept", "local:orders-2025"));
        all.putAll(properties);
        EnvelopeMessageFormatter formatter = new EnvelopeMessageFormatter();
        formatter.configure(all);
        return formatter;
    }

    private static byte[] sealed(byte[] key) {
        Sealer sealer = new Sealer();
        sealer.key = key;
        return sealer.seal();
    }

    private static ConsumerRecord<byte[], byte[]> record(byte[] key, byte[] value) {
        return new ConsumerRecord<>("orders.eu", 3, 42, 1764410000000L, TimestampType.CREATE_TIME, 0, 0, key, value,
                new RecordHeaders(), Optional.empty());
    }

    private static ConsumerRecord<byte[], byte[]> withHeaders(ConsumerRecord<byte[], byte[]> record) {
        record.headers().add("schema-id", bytes("42")).add("schema-id", null);
        return record;
    }
}
