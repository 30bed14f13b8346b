package io.github.kafkaenvelope;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.MessageFormatter;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;

/**
 * Prints opened values in {@code kafka-console-consumer}, with the columns of Kafka's own formatter. The rule is given by
 * the properties of {@link EnvelopeDeserializerConfig}.
 *
 * <p>A record that does not open is a line with its position and code, and the next one follows; with {@code
 * envelope.on.failure=stop} the console consumer ends. At the end, standard error says how many there were.
 */
public final class EnvelopeMessageFormatter implements MessageFormatter {
    private EnvelopeOpener opener;
    private FormatterConfig config;
    private ShownBytes keys;
    private ShownBytes headers;
    private ShownBytes values;
    private byte[] columnSeparator;
    private byte[] lineSeparator;
    private String headersSeparator;
    private long printed;
    private final Map<String, Long> failures = new TreeMap<>();

    /** For use by class name; {@link #configure} follows. */
    public EnvelopeMessageFormatter() {
    }

    /**
     * Reads the keyring, and prepares the rule.
     *
     * @throws org.apache.kafka.common.config.ConfigException if a property is wrong or missing
     * @throws EnvelopeException {@code KEYRING_INVALID}
     */
    @Override
    public void configure(Map<String, ?> configs) {
        opener = EnvelopeDeserializerConfig.viewerOpener(configs);
        config = new FormatterConfig(configs);
        keys = config.shown(FormatterConfig.KEY_DESERIALIZER);
        headers = config.shown(FormatterConfig.HEADERS_DESERIALIZER);
        values = config.shown(FormatterConfig.VALUE_DESERIALIZER);
        columnSeparator = ShownBytes.utf8(config.separator("key.separator", "\t"));
        lineSeparator = ShownBytes.utf8(config.separator("line.separator", "\n"));
        headersSeparator = config.separator("headers.separator", ",");
    }

    /** @throws EnvelopeException if the record does not open, with {@code envelope.on.failure=stop} only */
    @Override
    public void writeTo(ConsumerRecord<byte[], byte[]> record, PrintStream output) {
        Line line = new Line();
        if (config.getBoolean(FormatterConfig.PRINT_TIMESTAMP)) {
            line.column(timestamp(record));
        }
        if (config.getBoolean(FormatterConfig.PRINT_PARTITION)) {
            line.column("Partition:" + record.partition());
        }
        if (config.getBoolean(FormatterConfig.PRINT_OFFSET)) {
            line.column("Offset:" + record.offset());
        }
        if (config.getBoolean(FormatterConfig.PRINT_HEADERS)) {
            headers(line, record);
        }
        if (config.getBoolean(FormatterConfig.PRINT_CMK)) {
            line.column(cmks(record));
        }
        if (config.getBoolean(FormatterConfig.PRINT_KEY)) {
            line.column(keys.of(record, record.key()));
        }
        if (config.getBoolean(FormatterConfig.PRINT_VALUE)) {
            line.column(value(record));
        }
        line.end(output);
        printed++;
    }

    /** Says on standard error how many records did not open, and why. */
    @Override
    public void close() {
        if (!failures.isEmpty()) {
            String codes = failures.entrySet().stream().map(e -> e.getKey() + " " + e.getValue())
                    .collect(Collectors.joining(", "));
            long failed = failures.values().stream().mapToLong(Long::longValue).sum();
            System.err.println(failed + " of " + printed + " records do not open: " + codes);
        }
    }

    private byte[] value(ConsumerRecord<byte[], byte[]> record) {
        byte[] plaintext;
        try {
            plaintext = opener.open(record);
        } catch (EnvelopeException e) {
            String line = "[" + record.topic() + " partition " + record.partition() + " offset " + record.offset()
                    + " does not open: " + Printable.of(e.getMessage()) + "]";
            if (config.stops()) {
                System.err.println(line);
                throw e;
            }
            failures.merge(e.code(), 1L, Long::sum);
            return ShownBytes.utf8(line);
        }
        return values.of(record, plaintext);
    }

    private void headers(Line line, ConsumerRecord<byte[], byte[]> record) {
        ByteArrayOutputStream column = new ByteArrayOutputStream();
        for (Header header : record.headers()) {
            column.writeBytes(ShownBytes.utf8(column.size() == 0 ? "" : headersSeparator));
            column.writeBytes(ShownBytes.utf8(Printable.of(header.key()) + ":"));
            column.writeBytes(headers.of(record, header.value()));
        }
        line.column(column.size() == 0 ? ShownBytes.utf8("NO_HEADERS") : column.toByteArray());
    }

    private static String cmks(ConsumerRecord<byte[], byte[]> record) {
        return "CMK:" + EnvelopeInfo.of(record.value()).map(info -> info.cmks().stream()
                .map(cmk -> cmk.provider() + ':' + cmk.cmkId()).collect(Collectors.joining(","))).orElse("none");
    }

    private static String timestamp(ConsumerRecord<?, ?> record) {
        return record.timestampType() == TimestampType.NO_TIMESTAMP_TYPE ? "NO_TIMESTAMP"
                : record.timestampType() + ":" + record.timestamp();
    }

    /** Written as a whole, so that a record that stops the console consumer leaves no half line. */
    private final class Line {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private boolean begun;

        void column(String text) {
            column(ShownBytes.utf8(text));
        }

        void column(byte[] column) {
            if (begun) {
                bytes.writeBytes(columnSeparator);
            }
            bytes.writeBytes(column);
            begun = true;
        }

        void end(PrintStream output) {
            if (begun) {
                bytes.writeBytes(lineSeparator);
                output.write(bytes.toByteArray(), 0, bytes.size());
            }
        }
    }
}
