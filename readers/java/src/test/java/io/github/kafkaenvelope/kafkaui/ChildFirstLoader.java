package io.github.kafkaenvelope.kafkaui;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/** Loads a class from its location, and only what is not there from the application, as kafka-ui does. */
final class ChildFirstLoader extends URLClassLoader {
    private static final Map<Path, ClassLoader> LOADERS = new ConcurrentHashMap<>();

    private ChildFirstLoader(URL[] jars) {
        super(jars, new Application());
    }

    /** One for each location: a jar, or a folder with jars. */
    static ClassLoader of(Path location) {
        return LOADERS.computeIfAbsent(location, path -> {
            try (Stream<Path> files = Files.walk(path)) {
                List<URL> jars = new ArrayList<>();
                for (Path jar : files.filter(file -> file.toString().endsWith(".jar")).toList()) {
                    jars.add(jar.toUri().toURL());
                }
                return new ChildFirstLoader(jars.toArray(URL[]::new));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    @Override
    protected synchronized Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (name.startsWith("java.")) {
            return findSystemClass(name);
        }
        Class<?> loaded = findLoadedClass(name);
        if (loaded != null) {
            return loaded;
        }
        try {
            return findClass(name);
        } catch (ClassNotFoundException e) {
            return super.loadClass(name, resolve);
        }
    }

    /** The application without what the location must bring. */
    private static final class Application extends ClassLoader {
        private static final List<String> BROUGHT = List.of("io.github.kafkaenvelope.", "com.fasterxml.", "software.amazon.");

        Application() {
            super(ChildFirstLoader.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (BROUGHT.stream().anyMatch(name::startsWith)) {
                throw new ClassNotFoundException(name);
            }
            return super.loadClass(name, resolve);
        }
    }
}
