package io.github.kafkaenvelope;

import java.util.LinkedHashMap;
import java.util.Map;

/** A map of at most {@code capacity} entries that drops the one not used for longest. Safe for use by several threads. */
final class LruCache<K, V> {
    private static final float LOAD_FACTOR = 0.75f;

    private final Map<K, V> entries;

    LruCache(int capacity) {
        entries = new LinkedHashMap<>(16, LOAD_FACTOR, true) {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
                return size() > capacity;
            }
        };
    }

    /** Null if it is not there. */
    synchronized V get(K key) {
        return entries.get(key);
    }

    synchronized void put(K key, V value) {
        entries.put(key, value);
    }
}
