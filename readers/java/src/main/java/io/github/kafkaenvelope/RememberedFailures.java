package io.github.kafkaenvelope;

import java.time.Duration;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;

/**
 * Remembers for a few seconds what a KMS failed to unwrap. It is for viewers of topics, which show one record after the other
 * and whose user waits: without it, each record would wait as long for a KMS that is away, and would be one more call that is
 * denied.
 */
final class RememberedFailures implements Unwrapper {
    private static final long REMEMBERED = Duration.ofSeconds(5).toNanos();
    private static final long SLOW = Duration.ofSeconds(1).toNanos();
    private static final int MAX_REMEMBERED = 1024;
    private static final float LOAD_FACTOR = 0.75f;
    private static final Set<String> OF_CMK = Set.of(ErrorCode.KMS_DENIED.name(), ErrorCode.KMS_THROTTLED.name());

    private final Unwrapper unwrapper;
    private final LongSupplier nanoTime;
    private final Map<List<String>, Failure> failures = new LinkedHashMap<>(16, LOAD_FACTOR, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<List<String>, Failure> eldest) {
            return size() > MAX_REMEMBERED;
        }
    };

    /** @param nanoTime as {@link System#nanoTime()} */
    RememberedFailures(Unwrapper unwrapper, LongSupplier nanoTime) {
        this.unwrapper = unwrapper;
        this.nanoTime = nanoTime;
    }

    @Override
    public boolean asymmetric() {
        return unwrapper.asymmetric();
    }

    @Override
    public boolean unwrapsFor(String cmkId, String otherCmkId) {
        return unwrapper.unwrapsFor(cmkId, otherCmkId);
    }

    /** @throws EnvelopeException as the interface says, also if the same failed a moment ago */
    @Override
    public byte[] unwrap(String cmkId, byte[] ciphertextDek, String canonicalContext) {
        List<String> cmk = List.of(cmkId);
        List<String> grant = List.of(cmkId, canonicalContext);
        List<String> dek = List.of(cmkId, canonicalContext, Base64.getEncoder().encodeToString(ciphertextDek));
        throwRecent(cmk, grant, dek);
        long since = nanoTime.getAsLong();
        try {
            return unwrapper.unwrap(cmkId, ciphertextDek, canonicalContext);
        } catch (EnvelopeException e) {
            boolean slow = nanoTime.getAsLong() - since >= SLOW && !Thread.currentThread().isInterrupted();
            if (e.kind() == Kind.TRANSIENT) {
                // What passes and costs no time may be about this call alone.
                if (slow || OF_CMK.contains(e.code())) {
                    remember(cmk, e);
                }
            } else {
                remember(OF_CMK.contains(e.code()) ? grant : dek, e);
            }
            throw e;
        }
    }

    @SafeVarargs
    private synchronized void throwRecent(List<String>... names) {
        for (List<String> name : names) {
            Failure failure = failures.get(name);
            if (failure != null && nanoTime.getAsLong() - failure.since < REMEMBERED) {
                throw failure.exception;
            }
        }
    }

    private synchronized void remember(List<String> name, EnvelopeException e) {
        failures.put(name, new Failure(e, nanoTime.getAsLong()));
    }

    private record Failure(EnvelopeException exception, long since) {
    }
}
