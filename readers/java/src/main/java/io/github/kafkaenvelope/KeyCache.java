package io.github.kafkaenvelope;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * A map that is bounded in number and age. Beyond {@code capacity} entries, the least recently used one is dropped, and
 * no entry is found after {@code maxAge}. Use does not make an entry younger. Safe for use by several threads.
 *
 * <p>Source: docs/format.md, section 20.
 */
final class KeyCache<K> {
    private static final float LOAD_FACTOR = 0.75f;

    private final int capacity;
    private final long maxAge;
    private final LongSupplier nanoTime;
    private final Map<K, Held> entries = new LinkedHashMap<>(16, LOAD_FACTOR, true);

    /** @param nanoTime as {@link System#nanoTime()} */
    KeyCache(int capacity, Duration maxAge, LongSupplier nanoTime) {
        this.capacity = capacity;
        this.maxAge = maxAge.toNanos();
        this.nanoTime = nanoTime;
    }

    /** Stores a key whose age counts from now. */
    Held held(byte[] key) {
        return new Held(key, nanoTime.getAsLong());
    }

    /** Null if there is none. */
    synchronized Held get(K id) {
        Held held = entries.get(id);
        if (held != null && isTooOld(held)) {
            entries.remove(id);
            return null;
        }
        return held;
    }

    synchronized void put(K id, Held held) {
        entries.values().removeIf(this::isTooOld);
        entries.put(id, held);
        if (entries.size() > capacity) {
            entries.remove(entries.keySet().iterator().next());
        }
    }

    private boolean isTooOld(Held held) {
        return nanoTime.getAsLong() - held.since >= maxAge;
    }

    /** @param since when the DEK that the key comes from was unwrapped */
    record Held(byte[] key, long since) {
        Held derived(byte[] other) {
            return new Held(other, since);
        }
    }
}
