package io.github.kafkaenvelope.kafkaui;

import io.github.kafkaenvelope.EnvelopeDeserializerConfig;
import io.github.kafkaenvelope.EnvelopeOpener;
import io.kafbat.ui.serde.api.DeserializeResult;
import io.kafbat.ui.serde.api.PropertyResolver;
import io.kafbat.ui.serde.api.SchemaDescription;
import io.kafbat.ui.serde.api.Serde;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Shows sealed records in kafbat's kafka-ui. The rule is given by the properties of {@link EnvelopeDeserializerConfig}.
 *
 * <p>kafka-ui does not give the record key to the deserializer of values. This serde gets it if it is the serde of the
 * keys of the topic, too. What kafka-ui shows beside a value says what was verified and what was not.
 */
public final class EnvelopeSerde implements Serde {
    private static final String PREFIX = "envelope";

    private EnvelopeOpener opener;
    /** Of the view that is being built on a thread: its key deserializer was made, its value deserializer was not yet. */
    private final ThreadLocal<RecordKey> begun = new ThreadLocal<>();

    /** For use by class name; {@link #configure} follows. */
    public EnvelopeSerde() {
    }

    /**
     * Reads the keyring, and prepares the rule.
     *
     * @throws org.apache.kafka.common.config.ConfigException if a property is wrong or missing
     * @throws io.github.kafkaenvelope.EnvelopeException {@code KEYRING_INVALID}
     * @throws IllegalArgumentException if a property is unknown: it could be a requirement with a spelling mistake
     */
    @Override
    public void configure(PropertyResolver serde, PropertyResolver cluster, PropertyResolver global) {
        Set<String> known = EnvelopeDeserializerConfig.openerProperties();
        Map<String, String> properties = new HashMap<>();
        serde.getMapProperty(PREFIX, String.class, String.class).orElse(Map.of()).forEach((name, value) -> {
            if (!known.contains(PREFIX + '.' + name)) {
                throw new IllegalArgumentException(PREFIX + '.' + name + " is not a property of this serde; "
                        + "a list is written as one text");
            }
            properties.put(PREFIX + '.' + name, value);
        });
        opener = EnvelopeDeserializerConfig.viewerOpener(properties);
    }

    @Override
    public Optional<String> getDescription() {
        return Optional.of("Opens records that kafka-envelope sealed. Choose it for keys and values.");
    }

    @Override
    public Optional<SchemaDescription> getSchema(String topic, Target type) {
        return Optional.empty();
    }

    @Override
    public boolean canDeserialize(String topic, Target type) {
        // kafka-ui asks this for both serdes before it makes the deserializers of a view. A key deserializer that was
        // made before on this thread belongs to another view, whose values have another serde.
        begun.remove();
        return true;
    }

    @Override
    public boolean canSerialize(String topic, Target type) {
        return false;
    }

    /** @throws UnsupportedOperationException always: this library seals in TypeScript only */
    @Override
    public Serializer serializer(String topic, Target type) {
        throw new UnsupportedOperationException("EnvelopeSerde does not seal");
    }

    @Override
    public Deserializer deserializer(String topic, Target type) {
        if (type == Target.KEY) {
            RecordKey key = new RecordKey(topic);
            begun.set(key);
            return (headers, bytes) -> showKey(key, bytes);
        }
        RecordKey key = begun.get();
        begun.remove();
        return new ValueDeserializer(opener, topic, key != null && key.isOf(topic) ? key : null);
    }

    private static DeserializeResult showKey(RecordKey key, byte[] bytes) {
        key.remember(bytes);
        if (bytes == null) {
            return new DeserializeResult(null, DeserializeResult.Type.STRING, Map.of());
        }
        Shown shown = Shown.of(bytes);
        return new DeserializeResult(shown.text(), shown.type(), Map.of());
    }
}
