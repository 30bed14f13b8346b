package io.github.kafkaenvelope;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * A map that is bounded in number and age: of more than {@code capacity} entries the one not used for longest is dropped, and
 * none is found once {@code maxAge} has passed. Use makes an entry no younger. Safe for use by several threads.
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

    /** A key that begins to age now. */
    Held held(byte[] key) {
        return new Held(key, nanoTime.getAsLong());
    }

    /** Null if it is not there. */
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

    /** @param since when that was unwrapped from which the key comes */
    record Held(byte[] key, long since) {
        Held derived(byte[] other) {
            return new Held(other, since);
        }
    }
}
