package io.github.kafkaenvelope;

import java.util.ArrayList;
import java.util.List;

/**
 * The failures of the candidates of one envelope, in order.
 *
 * <p>Source: docs/format.md, section 13, steps 9 and 10.
 */
final class Failures {
    private static final int MAX_NOT_TRANSIENT = 2;

    private final List<EnvelopeException> failures = new ArrayList<>();

    void add(EnvelopeException failure) {
        failures.add(failure);
    }

    /** Whether no further candidate may be tried. */
    boolean areEnough() {
        return failures.stream().filter(f -> f.kind() != Kind.TRANSIENT).count() == MAX_NOT_TRANSIENT;
    }

    /** The first transient one, else the first unreadable one, else the first. */
    EnvelopeException decisive() {
        return failures.stream().filter(f -> f.kind() == Kind.TRANSIENT).findFirst()
                .or(() -> failures.stream().filter(f -> f.kind() == Kind.UNREADABLE).findFirst())
                .orElseGet(() -> failures.get(0));
    }
}
