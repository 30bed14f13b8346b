package io.github.kafkaenvelope.kafkaui;

import io.kafbat.ui.serde.api.PropertyResolver;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.env.YamlPropertySourceLoader;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.env.SystemEnvironmentPropertySource;
import org.springframework.core.io.FileSystemResource;

/** Properties below a name, bound by Spring as in kafka-ui. */
record SpringProperties(Binder binder, String prefix) implements PropertyResolver {
    /** @param variables environment variables, which come before the file */
    static Binder read(Path yaml, Map<String, Object> variables) throws IOException {
        StandardEnvironment environment = new StandardEnvironment();
        new YamlPropertySourceLoader().load("application", new FileSystemResource(yaml))
                .forEach(environment.getPropertySources()::addFirst);
        environment.getPropertySources().addFirst(new SystemEnvironmentPropertySource(
                StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME, variables));
        return Binder.get(environment);
    }

    @Override
    public <T> Optional<T> getProperty(String name, Class<T> type) {
        return bind(name, Bindable.of(type));
    }

    @Override
    public <T> Optional<List<T>> getListProperty(String name, Class<T> type) {
        return bind(name, Bindable.listOf(type));
    }

    @Override
    public <K, V> Optional<Map<K, V>> getMapProperty(String name, Class<K> keys, Class<V> values) {
        return bind(name, Bindable.mapOf(keys, values));
    }

    private <T> Optional<T> bind(String name, Bindable<T> target) {
        return Optional.ofNullable(binder.bind(ConfigurationPropertyName.adapt(prefix + name, '.'), target).orElse(null));
    }
}
