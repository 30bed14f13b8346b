package io.github.kafkaenvelope.kafkaui;

import io.kafbat.ui.serde.api.Serde;
import io.kafbat.ui.serde.api.Serde.Target;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;

/**
 * Does with serdes what kafbat's kafka-ui does as of version 1.5, by its sources, since kafka-ui itself comes only as a
 * container image: reads application.yml with Spring, loads a serde from its jar, and makes the deserializers of a view.
 */
public final class KafkaUi {
    private static final String SERDES = "kafka.clusters[0].serde";

    private final List<Configured> serdes;

    private KafkaUi(List<Configured> serdes) {
        this.serdes = serdes;
    }

    /** Loads the serdes of the first cluster. */
    public static KafkaUi start(Path application, Map<String, Object> variables) throws Exception {
        Binder binder = SpringProperties.read(application, variables);
        List<SerdeConfig> configs = binder.bind(SERDES, Bindable.listOf(SerdeConfig.class)).get();
        List<Configured> serdes = new ArrayList<>();
        for (int i = 0; i < configs.size(); i++) {
            SerdeConfig config = configs.get(i);
            ClassLoader loader = ChildFirstLoader.of(Path.of(config.filePath));
            Serde serde = (Serde) loader.loadClass(config.className).getDeclaredConstructor().newInstance();
            SpringProperties own = new SpringProperties(binder, SERDES + "[" + i + "].properties.");
            within(loader, () -> {
                serde.configure(own, new SpringProperties(binder, "kafka.clusters[0]."), new SpringProperties(binder, ""));
                return serde;
            });
            serdes.add(new Configured(config, serde, loader));
        }
        return new KafkaUi(serdes);
    }

    /** What a user opens to see the messages of a topic: the serdes are those whose patterns match. */
    public View open(String topic) {
        return view(topic, serdeFor(topic, Target.KEY), serdeFor(topic, Target.VALUE));
    }

    /** The same with serdes that the user chose by name; {@link View#STRING_SERDE} is built in. */
    public View open(String topic, String keySerde, String valueSerde) {
        return view(topic, serdeNamed(keySerde, topic, Target.KEY), serdeNamed(valueSerde, topic, Target.VALUE));
    }

    private static View view(String topic, Configured keys, Configured values) {
        return new View(nameOf(keys), deserializer(keys, topic, Target.KEY),
                nameOf(values), deserializer(values, topic, Target.VALUE));
    }

    private Configured serdeFor(String topic, Target target) {
        for (Configured serde : serdes) {
            String pattern = target == Target.KEY ? serde.config.topicKeysPattern : serde.config.topicValuesPattern;
            if (pattern != null && topic.matches(pattern)
                    && within(serde.loader, () -> serde.serde.canDeserialize(topic, target))) {
                return serde;
            }
        }
        return null;
    }

    private Configured serdeNamed(String name, String topic, Target target) {
        return serdes.stream().filter(serde -> serde.config.name.equals(name))
                .filter(serde -> within(serde.loader, () -> serde.serde.canDeserialize(topic, target))).findFirst().orElse(null);
    }

    private static String nameOf(Configured serde) {
        return serde == null ? View.STRING_SERDE : serde.config.name;
    }

    private static Serde.Deserializer deserializer(Configured serde, String topic, Target target) {
        if (serde == null) {
            return View.STRING;
        }
        Serde.Deserializer made = within(serde.loader, () -> serde.serde.deserializer(topic, target));
        return (headers, bytes) -> within(serde.loader, () -> made.deserialize(headers, bytes));
    }

    private static <T> T within(ClassLoader loader, Supplier<T> call) {
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        Thread.currentThread().setContextClassLoader(loader);
        try {
            return call.get();
        } finally {
            Thread.currentThread().setContextClassLoader(before);
        }
    }

    private record Configured(SerdeConfig config, Serde serde, ClassLoader loader) {
    }
}
