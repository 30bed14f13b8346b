package io.github.kafkaenvelope;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigDef.ValidString;
import org.apache.kafka.common.serialization.Deserializer;

/** The properties of {@link EnvelopeMessageFormatter} beside those of the rule: those of Kafka's formatter, and three more. */
final class FormatterConfig extends AbstractConfig {
    static final String PRINT_TIMESTAMP = "print.timestamp";
    static final String PRINT_PARTITION = "print.partition";
    static final String PRINT_OFFSET = "print.offset";
    static final String PRINT_HEADERS = "print.headers";
    static final String PRINT_KEY = "print.key";
    static final String PRINT_VALUE = "print.value";
    /** Whether the CMKs of the envelope are printed. */
    static final String PRINT_CMK = "print.cmk";
    static final String KEY_DESERIALIZER = "key.deserializer";
    static final String VALUE_DESERIALIZER = "value.deserializer";
    static final String HEADERS_DESERIALIZER = "headers.deserializer";
    /** {@code print} the code in place of the value, or {@code stop}. */
    static final String ON_FAILURE = "envelope.on.failure";
    /** False prints bytes as they are: for a pipe, not for a terminal. */
    static final String ESCAPE = "envelope.escape";

    private static final ConfigDef DEFINITION = new ConfigDef()
            .define(PRINT_TIMESTAMP, Type.BOOLEAN, false, Importance.LOW, "Whether timestamps are printed")
            .define(PRINT_PARTITION, Type.BOOLEAN, false, Importance.LOW, "Whether partitions are printed")
            .define(PRINT_OFFSET, Type.BOOLEAN, false, Importance.LOW, "Whether offsets are printed")
            .define(PRINT_HEADERS, Type.BOOLEAN, false, Importance.LOW, "Whether headers are printed")
            .define(PRINT_CMK, Type.BOOLEAN, false, Importance.LOW, "Whether CMKs are printed")
            .define(PRINT_KEY, Type.BOOLEAN, false, Importance.LOW, "Whether keys are printed")
            .define(PRINT_VALUE, Type.BOOLEAN, true, Importance.LOW, "Whether values are opened and printed")
            .define(KEY_DESERIALIZER, Type.CLASS, null, Importance.LOW, "Deserializer of keys")
            .define(VALUE_DESERIALIZER, Type.CLASS, null, Importance.LOW, "Deserializer of plaintexts")
            .define(HEADERS_DESERIALIZER, Type.CLASS, null, Importance.LOW, "Deserializer of headers")
            .define(ON_FAILURE, Type.STRING, "print", ValidString.in("print", "stop"), Importance.LOW,
                    "What is done about a record that does not open")
            .define(ESCAPE, Type.BOOLEAN, true, Importance.LOW, "Whether what a terminal would not show is escaped");

    FormatterConfig(Map<String, ?> configs) {
        super(DEFINITION, configs, false);
    }

    /** A text with its white space, which definitions of Kafka would remove. */
    String separator(String name, String otherwise) {
        Object given = originals().get(name);
        return given == null ? otherwise : given.toString();
    }

    /** Shows bytes as a column; configured as Kafka's formatter does it. */
    ShownBytes shown(String property) {
        Deserializer<?> deserializer = getConfiguredInstance(property, Deserializer.class);
        if (deserializer != null) {
            Map<String, Object> own = new HashMap<>(originalsWithPrefix(property + "."));
            deserializer.configure(own, property.equals(KEY_DESERIALIZER));
        }
        return new ShownBytes(property, deserializer, getBoolean(ESCAPE), separator("null.literal", "null"), stops());
    }

    boolean stops() {
        return getString(ON_FAILURE).equals("stop");
    }
}
