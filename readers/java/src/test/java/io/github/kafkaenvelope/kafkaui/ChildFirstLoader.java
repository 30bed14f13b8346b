package io.github.kafkaenvelope.kafkaui;

import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Loads a class from its jar, and only what is not there from the application, as kafka-ui does. */
final class ChildFirstLoader extends URLClassLoader {
    private static final Map<Path, ClassLoader> LOADERS = new ConcurrentHashMap<>();

    private ChildFirstLoader(URL jar) {
        super(new URL[] {jar}, new Application());
    }

    /** One for each jar. */
    static ClassLoader of(Path jar) {
        return LOADERS.computeIfAbsent(jar, path -> {
            try {
                return new ChildFirstLoader(path.toUri().toURL());
            } catch (MalformedURLException e) {
                throw new IllegalStateException(e);
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

    /** The application without what the jar must bring. */
    private static final class Application extends ClassLoader {
        Application() {
            super(ChildFirstLoader.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("io.github.kafkaenvelope.") || name.startsWith("com.fasterxml.")) {
                throw new ClassNotFoundException(name);
            }
            return super.loadClass(name, resolve);
        }
    }
}
